/* The examples of FIPS 180-4, and pieces of every length against the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/sha256.h"

static void test_vectors(void **state)
{
	static const struct {
		const char *text, *digest;
	} t[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
		  "mnopqrstnopqrstu",
			"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char hex[SHA256_HEX_LEN + 1];
		sha256_hex(t[i].text, strlen(t[i].text), hex);
		assert_string_equal(hex, t[i].digest);
	}
}

static void test_million(void **state)
{
	(void)state;
	char *as = malloc(1000000), hex[SHA256_HEX_LEN + 1];
	assert_non_null(as);
	memset(as, 'a', 1000000);
	sha256_hex(as, 1000000, hex);
	free(as);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_pieces(void **state)
{
	(void)state;
	unsigned char data[200], whole[32], parts[32];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7);
	for (size_t len = 0; len <= sizeof(data); len++)
		for (size_t cut = 0; cut <= len; cut += 13) {
			struct sha256 s;
			sha256_init(&s);
			sha256_add(&s, data, len);
			sha256_end(&s, whole);
			sha256_init(&s);
			sha256_add(&s, data, cut);
			sha256_add(&s, data + cut, len - cut);
			sha256_end(&s, parts);
			assert_memory_equal(whole, parts, sizeof(whole));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_million),
		cmocka_unit_test(test_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
