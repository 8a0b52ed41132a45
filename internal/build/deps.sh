#!/bin/sh
# Installs what the tests need beside Go, git and make: the race detector's C
# compiler, real clients with a screen to draw on, and what reads captures and
# pictures. With the argument "bench", what make bench compares with instead.
# Nothing to do when all is there. No service is started.
set -eu

# file or program : package
needs='
gcc:gcc
/usr/include/stdio.h:libc6-dev
rdesktop:rdesktop
xfreerdp:freerdp2-x11
Xvfb:xvfb
xwd:x11-apps
xdotool:xdotool
xrdp:xrdp
convert:imagemagick
tshark:tshark
chromium:chromium
dumpcap:wireshark-common
sharkd:wireshark-common
openssl:openssl
ps:procps
setpriv:util-linux
flock:util-linux
unshare:util-linux
ip:iproute2
ping:iputils-ping
script:bsdutils
nc:netcat-openbsd
dig:bind9-dnsutils
nsupdate:bind9-dnsutils
'

[ "${1:-}" != bench ] || needs='
mn:mininet
brctl:bridge-utils
ping:iputils-ping
ethtool:ethtool
tcpdump:tcpdump
nft:nftables
'

missing=
for need in $needs; do
	what=${need%%:*}
	case $what in
	/*) [ -e "$what" ] && continue ;;
	*) command -v "$what" >/dev/null 2>&1 && continue ;;
	esac
	missing="$missing ${need#*:}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "deps: this is no Debian; install by hand what these packages hold:$missing" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null && ! [ -t 0 ]; then
		echo "deps: neither root nor sudo here; as root: apt-get install --no-install-recommends$missing" >&2
		exit 1
	fi
	as_root=sudo
fi

# Services are held back: this file makes the package tools start none.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
	$as_root chmod 755 $policy
	trap '$as_root rm -f $policy' EXIT
	trap 'exit 1' HUP INT TERM
fi
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}
echo "deps: installing$missing"
# shellcheck disable=SC2086 # a list of words
apt install --no-install-recommends $missing || { apt update && apt install --no-install-recommends $missing; }
