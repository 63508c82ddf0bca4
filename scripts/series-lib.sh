# The project's form of a kernel branch: patches/, series, mirrored files.
# Sourced by import, export and check.
# shellcheck shell=bash

# What is in the project and not mirrored from the kernel.
own='^(README|series|patches/.*|MAINTAINERS\.fragment|Makefile|scripts/.*|\.ci/.*|\.gitignore)$'

# cover_text FILE - subject and text of a cover letter, without what git adds
cover_text() {
	awk '
	/^Subject: / { sub(/^Subject: \[[^]]*\] /, ""); subject = $0; reading = 1; next }
	reading && /^ / { subject = subject $0; next }
	reading { reading = 0 }
	!body && /^$/ { body = 1; print subject "\n"; next }
	!body { next }
	/^.+ \([0-9]+\):$/ { exit }
	{ print }' "$1" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
}

# export_branch BRANCH DIR - patches/, series and the mirrored files into DIR,
# the cover letter's text from the project's own
export_branch() {
	local branch=$1 dir=$2 f name email
	mkdir -p "$dir/patches"
	name=$(git -C "$top" config user.name || echo workbench)
	email=$(git -C "$top" config user.email || echo workbench@localhost)
	git -C "$linux" config branch.kgraft-export.description \
		"$(cover_text "$top/patches/0000-cover-letter.patch")"
	git -C "$linux" branch -q -f kgraft-export "$branch"
	# Nothing of the user's configuration, nothing of today, no object names
	# that depend on the repository.
	(cd "$linux" &&
		GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email \
		GIT_COMMITTER_DATE=$(git log -1 --format=%aI "$branch") \
		git format-patch -q -n --zero-commit --no-signature --full-index --stat=72 -M \
			--cover-letter --cover-from-description=subject \
			-o "$dir/patches" base..kgraft-export)
	git -C "$linux" branch -q -D kgraft-export
	# The commit that a reader has, not the one made here from a package.
	printf 'base-commit: v7.3\n' >> "$dir/patches/0000-cover-letter.patch"
	(echo '# The patches, in order.'; cd "$dir/patches" && ls | grep -v '^0000-') > "$dir/series"
	git -C "$linux" diff --name-only --no-renames --diff-filter=A base "$branch" > "$dir/mirrored"
	while read -r f; do
		mkdir -p "$dir/tree/${f%/*}"
		git -C "$linux" show "$branch:$f" > "$dir/tree/$f"
		[ "$(git -C "$linux" ls-tree "$branch" "$f" | cut -c1-6)" != 100755 ] || chmod +x "$dir/tree/$f"
	done < "$dir/mirrored"
}

# The files of the project that claim to mirror the kernel's.
mirrored_here() { git -C "$top" ls-files -co --exclude-standard | grep -vE "$own" || true; }
