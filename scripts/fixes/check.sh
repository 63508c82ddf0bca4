# Whether an interpreter can be registered without its path, and what runs then.
# shellcheck shell=bash

dir=$(mktemp -d)
trap 'cd /; umount $dir/misc; rm -r $dir' EXIT
mkdir "$dir"/{misc,mine,yours}
mount -t binfmt_misc binfmt_misc "$dir/misc" || exit 2
cd "$dir" || exit 2

# One tells the name of the file that is run, one what is in it.
cp /usr/bin/echo mine/handler
cp /usr/bin/cat yours/handler
echo data > file.kgraft
chmod +x file.kgraft

# With its path it must be taken, and without, if it is opened at once.
{ echo ":whole:E::kgraft::$dir/mine/handler:" > misc/register && [ "$(./file.kgraft)" = ./file.kgraft ] &&
	echo -1 > misc/whole; } || exit 2
{ (cd yours && echo ":opened:E::kgraft::handler:F" > ../misc/register) && [ "$(./file.kgraft)" = data ] &&
	echo -1 > misc/opened; } || exit 2

if ! echo ":bare:E::kgraft::handler:" > misc/register; then
	[ ! -e misc/bare ] || exit 2
	echo "an interpreter without a path is refused"
	exit 0
fi
mine=$(cd mine && ../file.kgraft)
yours=$(cd yours && ../file.kgraft)
echo -1 > misc/bare
echo "an interpreter without a path is taken: what runs depends on the directory"
[ "$mine,$yours" != ../file.kgraft,data ] || exit 1
echo "not so: '$mine', '$yours'"
exit 2
