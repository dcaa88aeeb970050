#!/bin/sh
# Installs the Debian packages that are missing, of tools/packages.txt and of the lists named.
# Asks for nothing when all are there; uses sudo when not root; on a system without apt it only says
# what is needed.
set -eu

here=$(dirname "$0")
wanted=$(cd "$here" && sed 's/#.*//' packages.txt "$@")

if ! command -v apt-get >/dev/null 2>&1; then
    for tool in meson ninja pkg-config python3; do
        command -v "$tool" >/dev/null 2>&1 && continue
        echo "setup: $tool is missing; install what tools/packages.txt lists" >&2
        exit 1
    done
    exit 0
fi

missing=
for package in $wanted; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "setup: not root and no sudo; install:$missing" >&2
        exit 1
    }
    as_root=sudo
fi
echo "setup: installing$missing"
$as_root apt-get update -q
# shellcheck disable=SC2086  # the list is words on purpose
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $missing
