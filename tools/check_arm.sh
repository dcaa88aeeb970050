#!/bin/sh
# Compiles the kernels of 64-bit ARM into a folder of their own and checks them under qemu-user, as
# CPUs with all extensions and with none; skipped where compiler or emulator is missing.
#     tools/check_arm.sh BUILD
set -eu

build=$1
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$tool" >/dev/null 2>&1 && continue
    echo "$tool is missing: make check_arm installs it"
    exit 77
done
cd "$(dirname "$0")/.."
[ -f "$build/build.ninja" ] || meson setup "$build" --cross-file cross/aarch64.ini \
    -Dkernels_only=true -Dwerror=true
ninja -C "$build"

check() { # as CPU; the level that it must take by itself
    cpu=$1
    best=$2
    shift 2
    echo "$cpu:"
    qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu "$cpu" "$build/tests/check/check" \
        --best="$best" "$@"
}
check max neondot
check cortex-a72 neon --isa=neon # an instruction of neondot would be illegal
