#include "cli/size.h"

#include <stdio.h>

char *size_text(double n, double base, int digits, char out[32])
{
	static const char *const binary[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	static const char *const decimal[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	size_t i = 0;

	while (n >= base && i + 1 < sizeof(binary) / sizeof(binary[0])) {
		n /= base;
		i++;
	}
	(void)snprintf(out, 32, "%.*g%s", digits, n, base == 1024 ? binary[i] : decimal[i]);
	return out;
}
