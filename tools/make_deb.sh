#!/bin/sh
# Makes a Debian package out of what the build installs.
#
#     tools/make_deb.sh BUILD FOLDER      prints the path of the package written into FOLDER
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
mkdir -p "$2"
folder=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The same commit makes the same package.
made=$(git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$made}
export SOURCE_DATE_EPOCH

meson install -C "$build" --no-rebuild --quiet --tags runtime,man --destdir "$work/installed"
program=$(find "$work/installed" -path '*/bin/amanuensis')
root=$work/root
mkdir -p "$root/DEBIAN"
cp -a "$(dirname "$(dirname "$program")")" "$root/usr"
chmod -R u+rwX,go=rX "$root"
strip --strip-unneeded "$root/usr/bin/amanuensis"
find "$root/usr/share/man" -type f -exec gzip -9n {} +

doc=$root/usr/share/doc/amanuensis
mkdir -p "$doc" "$root/etc"
version=$("$root/usr/bin/amanuensis" version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
cp "$here/../LICENSE" "$doc/copyright"
{
    printf 'amanuensis (%s) unstable; urgency=low\n\n  * Release %s.\n\n' "$version" "$version"
    printf ' -- amanuensis <amanuensis@localhost>  %s\n' "$(date -uR -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n > "$doc/changelog.gz"
python3 "$here/sbom.py" "$root/usr/bin/amanuensis" > "$doc/sbom.cdx.json"
# The folders of the service, so that `amanuensis keys` finds the same.
sed -e 's|^#data_dir =.*|data_dir = /var/lib/amanuensis|' \
    -e 's|^#model_dir =.*|model_dir = /var/cache/amanuensis|' \
    "$here/../data/amanuensis.conf" > "$root/etc/amanuensis.conf"
echo /etc/amanuensis.conf > "$root/DEBIAN/conffiles"

mkdir -p "$work/debian"
printf 'Source: amanuensis\n\nPackage: amanuensis\nArchitecture: any\n' > "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O -e"$root/usr/bin/amanuensis" | sed 's/^shlibs:Depends=//')
cat > "$root/DEBIAN/control" <<END
Package: amanuensis
Version: $version
Architecture: $architecture
Section: sound
Priority: optional
Maintainer: amanuensis <amanuensis@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends, ca-certificates
Description: speech to text with Whisper models
 Transcribes audio and video on ordinary CPUs, as a program for the command line
 and as a server with a web page, an interface of its own and OpenAI's.
 .
 Models are fetched with "amanuensis pull".
END

cat > "$root/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    if ! getent passwd amanuensis > /dev/null; then
        if command -v systemd-sysusers > /dev/null; then
            systemd-sysusers amanuensis.conf
        else
            useradd --system --user-group --home-dir /var/lib/amanuensis \
                --shell /usr/sbin/nologin amanuensis
        fi
    fi
    install -d -m 0750 -o amanuensis -g amanuensis /var/lib/amanuensis /var/cache/amanuensis
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        if [ -n "$2" ]; then systemctl try-restart amanuensis.service || true; fi
    fi
fi
END
cat > "$root/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now amanuensis.service || true
fi
END
cat > "$root/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
if [ "$1" = purge ]; then rm -rf /var/cache/amanuensis /var/lib/amanuensis; fi
END
chmod 0755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm" "$root/DEBIAN/postrm"

package=$folder/amanuensis_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" > /dev/null
echo "$package"
