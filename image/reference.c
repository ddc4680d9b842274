#include "image/reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"

#define HEX_ID_LEN 64

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return isalnum((unsigned char)c) && !(c & 0x80);
}

/* [a-z0-9]+ with one '.', '_', "__" or any number of '-' between two of them. */
static bool is_component(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_lower_alnum(s[i])) {
		while (i < n && is_lower_alnum(s[i]))
			i++;
		if (i == n)
			return true;
		if (s[i] == '-')
			i += strspn(s + i, "-");
		else if (s[i] == '_')
			i += i + 1 < n && s[i + 1] == '_' ? 2 : 1;
		else if (s[i] == '.')
			i++;
		else
			return false;
	}
	return false;
}

static bool is_path(const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "/");
		if (!is_component(s, n))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

/* HOST[.HOST...][:PORT], n bytes of s. */
static bool is_domain(const char *s, size_t n)
{
	size_t i = 0;

	for (;;) {
		size_t start = i;
		while (i < n && (is_alnum(s[i]) || s[i] == '-'))
			i++;
		if (i == start || s[start] == '-' || s[i - 1] == '-')
			return false;
		if (i == n)
			return true;
		if (s[i] == ':')
			return i + 1 < n && i + 1 + strspn(s + i + 1, "0123456789") >= n;
		if (s[i++] != '.')
			return false;
	}
}

/* The length of the domain that the name begins with, 0: none. */
static size_t domain_length(const char *name)
{
	size_t n = strcspn(name, "/");
	bool upper = false;

	for (size_t i = 0; i < n; i++)
		upper |= isupper((unsigned char)name[i]) != 0;
	if (!name[n])
		return 0;
	return memchr(name, '.', n) || memchr(name, ':', n) || upper ||
			(n == strlen("localhost") && strncmp(name, "localhost", n) == 0)
		? n
		: 0;
}

static bool is_tag(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '_' && (i == 0 || (s[i] != '.' && s[i] != '-')))
			return false;
	return n > 0 && n <= REFERENCE_TAG_MAX;
}

static int check_name(const char *text, const char *name, struct err *e)
{
	size_t domain = domain_length(name);
	const char *path = domain ? name + domain + 1 : name;

	if (strlen(name) == HEX_ID_LEN && strspn(name, "0123456789abcdef") == HEX_ID_LEN)
		return err_say(e, EINVAL,
			"invalid repository name (%s), cannot specify 64-byte hexadecimal strings", name);
	if (domain && !is_domain(name, domain))
		return err_say(e, EINVAL, "invalid reference format: %s", text);
	for (const char *p = path; *p; p++)
		if (isupper((unsigned char)*p))
			return err_say(e, EINVAL,
				"invalid reference format: repository name (%s) must be lowercase", path);
	return is_path(path) ? 0 : err_say(e, EINVAL, "invalid reference format: %s", text);
}

/* docker.io and, there, library/ are what docker's client adds by itself. */
static const char *short_form(const char *name)
{
	static const char *const domains[] = { "docker.io/", "index.docker.io/" };
	static const char library[] = "library/";

	/* Again and again, so that the short form of a short form is itself. */
	for (size_t i = 0; i < ARRAY_LEN(domains); i++)
		while (text_has_prefix(name, domains[i])) {
			name += strlen(domains[i]);
			i = 0;
		}
	return text_has_prefix(name, library) && !strchr(name + strlen(library), '/') ? name + strlen(library)
										      : name;
}

int reference_parse(const char *text, struct reference *out, struct err *e)
{
	char whole[REFERENCE_MAX + 64];
	struct reference ref = { .tag = "latest" };

	if (strchr(text, '@'))
		return err_say(
			e, EINVAL, "invalid reference format: %.200s: no local image has a digest", text);
	if (snprintf(whole, sizeof(whole), "%s", text) >= (int)sizeof(whole))
		return err_say(e, EINVAL, "invalid reference format: %.80s... is too long", text);
	char *slash = strrchr(whole, '/'), *colon = strchr(slash ? slash : whole, ':');
	if (colon) {
		*colon++ = '\0';
		if (!is_tag(colon))
			return err_say(e, EINVAL, "invalid reference format: tag \"%s\" of %s", colon, whole);
		memcpy(ref.tag, colon, strlen(colon) + 1);
	}
	const char *name = short_form(whole);
	if (strlen(name) > REFERENCE_NAME_MAX)
		return err_say(e, EINVAL,
			"invalid reference format: repository name must not be more than %d characters",
			REFERENCE_NAME_MAX);
	int r = check_name(text, name, e);
	if (r < 0)
		return r;
	memcpy(ref.name, name, strlen(name) + 1);
	*out = ref;
	return 0;
}

const char *reference_format(const struct reference *ref, char out[REFERENCE_MAX + 1])
{
	(void)snprintf(out, REFERENCE_MAX + 1, "%s:%s", ref->name, ref->tag);
	return out;
}
