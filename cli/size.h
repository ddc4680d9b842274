/*
 * size - bytes as docker's client writes them: "1.5MiB", "12.3kB".
 *
 * Source:  go-units' BytesSize (base 1024) and HumanSize (base 1000).
 */
#ifndef CLI_SIZE_H
#define CLI_SIZE_H

/* So many digits at the most; base is 1024 or 1000. Returns out. */
char *size_text(double n, double base, int digits, char out[32]);

#endif
