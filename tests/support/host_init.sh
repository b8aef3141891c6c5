#!/bin/bash
# The first process of a throw-away host, in namespaces of its own (see hosts.py): lays an overlay over this machine's
# root, makes accounts in it and becomes sshd. Everything it mounts and starts ends with it.
# From the environment: DIR (made by the caller; holds sshd_config and keys), NAME, HIDE (folders to hide, one a line),
# ACCOUNTS
# (folder with passwd, shadow and the like), FLAGS (words: no-python, noexec-tmp), PASSWORD_HASH.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin # which root lacks after a plain `su`

mkdir -p "$DIR/disk"
mount -t tmpfs -o mode=755,size=2g tmpfs "$DIR/disk"
cd "$DIR/disk"
mkdir upper work root run
mkdir -m 1777 tmp vartmp
mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" root
mount -t proc proc root/proc
# Devices of its own: with this machine's, a task of root's on the host could replace this machine's /dev/null.
mount -t tmpfs -o mode=755,size=1m tmpfs root/dev
mkdir root/dev/pts
mkdir -m 1777 root/dev/shm
for device in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "root/dev/${device%:*}" c 1 "${device#*:}"; done
mknod -m 666 root/dev/tty c 5 0
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
for stream in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${stream#*:}" "root/dev/${stream%:*}"; done
mount --bind run root/run
mount --bind tmp root/tmp
mount --bind vartmp root/var/tmp
case " $FLAGS " in *" noexec-tmp "*)
    mount -o remount,bind,noexec root/tmp
    mount -o remount,bind,noexec root/var/tmp ;;
esac
hostname "$NAME"

# The machine's accounts as they were when the farm began, and the tests' accounts, all with one password.
cp -p "$ACCOUNTS"/* root/etc/
printf '127.0.0.1 localhost\n127.0.0.1 %s\n' "$NAME" >root/etc/hosts
mkdir -p root/run/sshd root/etc/sudoers.d root/home
uid=6000
for user in plain sudoer sudopw other noisy; do
    uid=$((uid + 1))
    echo "$user:x:$uid:$uid:$user:/home/$user:/bin/bash" >>root/etc/passwd
    echo "$user:x:$uid:" >>root/etc/group
    echo "$user:$PASSWORD_HASH:19000:0:99999:7:::" >>root/etc/shadow
    mkdir -m 755 "root/home/$user"
    chown "$uid:$uid" "root/home/$user"
done
echo 'echo profile noise; echo profile noise >&2' >root/home/noisy/.bashrc
chown 6005:6005 root/home/noisy/.bashrc
printf '%s\n' 'Defaults !lecture' 'sudoer ALL=(ALL:ALL) NOPASSWD: ALL' 'sudopw ALL=(ALL:ALL) PASSWD: ALL' \
    'noisy ALL=(ALL:ALL) NOPASSWD: ALL' >root/etc/sudoers.d/svcfw-tests
chmod 440 root/etc/sudoers.d/svcfw-tests
# Interpreters below a private home (pyenv's) are to be reached by the other accounts.
chmod 755 root/root

# A real target holds neither this checkout nor this machine's private files.
while IFS= read -r folder; do
    if [ -n "$folder" ] && [ -d "root$folder" ]; then mount -t tmpfs -o mode=755,size=16m tmpfs "root$folder"; fi
done <<<"$HIDE"

# A disk that is soon full.
mkdir root/small
mount -t tmpfs -o mode=1777,size=1m tmpfs root/small

case " $FLAGS " in *" no-python "*)
    rm -f root/usr/bin/python* root/usr/local/bin/python* ;;
esac

mkdir root/etc/ssh/svcfw
cp "$DIR"/{sshd_config,host_key,authorized_keys} root/etc/ssh/svcfw/
chmod 600 root/etc/ssh/svcfw/host_key
# Only what happens from here on counts as a change.
touch "$DIR/disk/prepared"
exec chroot root /usr/sbin/sshd -D -e -f /etc/ssh/svcfw/sshd_config
