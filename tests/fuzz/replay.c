/* replay - runs a fuzz target once over every file named on the command line (directories are walked one level). */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 1;
	}
	uint8_t *data = NULL;
	size_t size = 0, room = 0;
	for (;;) {
		if (size == room) {
			room = room ? room * 2 : 4096;
			data = realloc(data, room);
			if (!data)
				abort();
		}
		size_t n = fread(data + size, 1, room - size, f);
		if (n == 0)
			break;
		size += n;
	}
	(void)fclose(f);
	/* An exact allocation lets the sanitizer see a read past the end. */
	uint8_t *exact = malloc(size ? size : 1);
	if (!exact)
		abort();
	for (size_t i = 0; i < size; i++)
		exact[i] = data[i];
	free(data);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0, count = 0;
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			DIR *d = opendir(argv[i]);
			for (struct dirent *entry; d && (entry = readdir(d));) {
				char path[4096];
				if (entry->d_name[0] == '.')
					continue;
				(void)snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
				failed |= replay(path);
				count++;
			}
			if (d)
				(void)closedir(d);
		} else {
			failed |= replay(argv[i]);
			count++;
		}
	}
	printf("replayed %d inputs\n", count);
	return failed || count == 0;
}
