/*
 * overlay - a container's root: its own writable layer above a root filesystem that stays as it is.
 *
 * What is returned is a detached mount (a descriptor from fsmount or open_tree), for the launcher to attach inside. Mount
 * points and files are made through it, and so in the upper layer alone.
 *
 * Source:  kernel Documentation/filesystems/overlayfs.rst; mount_setattr(2), "Idmapped mounts"; fsopen's own messages.
 * Options: redirect_dir=nofollow, metacopy=off: their xattrs say "my contents are over there", and an image's author can
 *          have set them; so renaming a directory of the image is EXDEV, as under Docker, and programs copy. index=off: an
 *          index refuses a lower that its owner has changed since. No volatile: a crash would leave an upper that cannot be
 *          mounted again. Layers are named by descriptor: any byte may be in a path, and none shows in the container.
 * Owns:    the descriptor is the caller's. The upper's files are the container's data: whoever made the directories
 *          removes them, and keeps them where other users cannot go (they hold its setuid programs).
 * Errors:  -EINVAL: this upper cannot be one (ramfs, overlay; the text says what to do); -EOPNOTSUPP: the kernel or this
 *          filesystem has no overlay or no id mapping; others with the kernel's own words where it gives any.
 * Context: needs CAP_SYS_ADMIN and /proc. Before Linux 6.15 a tmpfs upper or an idmapped lower takes a forked child.
 */
#ifndef IMAGE_OVERLAY_H
#define IMAGE_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct overlay_args {
	const char *lower; /* the root filesystem's directory */
	/* Another one above it, read-only too: the writable layer of a container that is only looked at. NULL: none. */
	const char *middle;
	/* Both on one filesystem, made when missing (their parent must exist); a new upper takes over the owner and mode of
	 * the lower's directory, for its own are what / shows. NULL: a tmpfs, which ends with the mount. */
	const char *upper_dir, *work_dir;
	uint64_t tmpfs_bytes; /* its size; 0: half of the memory */
	int userns_fd;	      /* map the lower's ids by this user namespace; -1: as they are */
};

/* Returns the mount. */
int overlay_mount(const struct overlay_args *args, struct err *e);
/* No layer: the directory itself, with the mounts below it, private from its origin. Returns the mount. */
int overlay_mount_shared(const char *path, bool read_only, int userns_fd, struct err *e);
/* Can this existing directory hold uppers? For create and `check`, long before a mount. */
int overlay_check_upper(const char *dir, struct err *e);

#endif
