/*
 * image - the supervisor's program as a sealed memfd, and the one before it.
 *
 * Sealed against writing, growing, shrinking and further sealing: nothing that reaches it by /proc/PID/exe can change what
 * runs, and the file it came from may be overwritten or removed at any time.
 *
 * Source:  memfd_create(2), fcntl(2) F_ADD_SEALS; CVE-2019-5736.
 * Errors:  -errno; -ENOEXEC not an ELF file; -EINVAL not sealed.
 * Owns:    all three descriptors, numbered above KEEPER_FD.
 */
#ifndef INIT_IMAGE_H
#define INIT_IMAGE_H

struct image {
	int current;
	int previous; /* what a failed trial goes back to; -1: none */
	int next;     /* taken at the next start; -1: none */
};

/* Copies the file at path. */
int image_open(struct image *image, const char *path);
/* Takes fd, a sealed memfd, as the next one. On error fd stays the caller's. */
int image_set_next(struct image *image, int fd);
/* Before a start: the next one, if any, becomes the current one. */
void image_advance(struct image *image);
/* The current one did not come up: back to the previous one. */
void image_roll_back(struct image *image);
/* The current one has proved itself: the previous one is not needed any more. */
void image_accept(struct image *image);

#endif
