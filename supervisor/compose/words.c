#include "supervisor/compose/words.h"

#include <errno.h>
#include <string.h>

#define BLANKS " \t\r\n"

/* Copy one word from s to out without its quotes; what follows it, or NULL when a quote stays open. */
static const char *copy_word(const char *s, char *out)
{
	char quote = 0;
	for (; *s && (quote || !strchr(BLANKS, *s)); s++) {
		if (quote == '\'' ? *s == '\'' : quote && *s == '"') {
			quote = 0;
		} else if (!quote && (*s == '\'' || *s == '"')) {
			quote = *s;
		} else if (*s == '\\' && quote != '\'') {
			if (!s[1])
				return NULL;
			/* between double quotes it only quotes what would be special there */
			if (quote && !strchr("$`\"\\\n", s[1]))
				*out++ = '\\';
			if (*++s != '\n')
				*out++ = *s;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
	return quote ? NULL : s;
}

int words_split(struct arena *a, const char *text, char ***out, size_t *n)
{
	size_t len = strlen(text), count = 0;
	char *letters = arena_alloc(a, len + 1);
	char **words = arena_calloc(a, len / 2 + 2, sizeof(*words));
	if (!letters || !words)
		return -ENOMEM;
	for (const char *s = text + strspn(text, BLANKS); *s; s += strspn(s, BLANKS)) {
		words[count] = letters;
		s = copy_word(s, letters);
		if (!s)
			return -EINVAL;
		letters += strlen(letters) + 1;
		count++;
	}
	*out = words;
	*n = count;
	return 0;
}
