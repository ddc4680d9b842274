#include "cli/rows.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/template.h"

static json_t *titles(const struct row_column *columns, size_t n)
{
	json_t *o = json_object();
	for (size_t i = 0; i < n; i++)
		(void)json_object_set_new(
			o, columns[i].key, json_string(columns[i].title)); /* NULL is caught by render */
	return o;
}

/* Lines of tab-separated cells, set in columns. */
static int columns_print(char *text, struct buf *out)
{
	size_t rows = 0, width = 1;
	for (const char *p = text; *p; p++)
		rows += *p == '\n';
	for (const char *p = text; *p && *p != '\n'; p++)
		width += *p == '\t';
	auto_free const char **cells = calloc(rows * width + 1, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	for (size_t row = 0; row < rows; row++) {
		char *next = strchr(text, '\n');
		*next++ = '\0';
		for (size_t col = 0; col < width; col++) {
			char *tab = text ? strchr(text, '\t') : NULL;
			cells[row * width + col] = text ? text : "";
			if (tab)
				*tab++ = '\0';
			text = tab;
		}
		text = next;
	}
	return table_print(out, cells, rows, width);
}

int rows_format(const json_t *rows, const struct row_column *columns, size_t n, const char *default_table,
	const char *format, struct buf *out, struct err *e)
{
	bool table = !format || !*format || strcmp(format, "table") == 0 || text_has_prefix(format, "table ");
	const char *line = !format || !*format || strcmp(format, "table") == 0 ? default_table
		: table							       ? format + strlen("table ")
									       : format;
	if (strcmp(line, "json") == 0)
		line = "{{json .}}";
	auto_(buf) struct buf text = { 0 };
	auto_(json) json_t *head = titles(columns, n);
	size_t i;
	json_t *row;
	int r = table ? template_render(line, head, &text, e) : 0;
	if (r == 0 && table)
		r = buf_puts(&text, "\n");
	json_array_foreach (rows, i, row) {
		if (r == 0)
			r = template_render(line, row, &text, e);
		if (r == 0)
			r = buf_puts(&text, "\n");
	}
	if (r < 0)
		return e->code ? r : err_set(e, -r, "format");
	if (!text.data)
		return 0;
	return table ? columns_print(text.data, out) : buf_add(out, text.data, text.len);
}

int rows_add_labels(struct buf *out, const json_t *labels)
{
	const char *key;
	json_t *value;
	int r = 0;
	bool first = true;
	json_object_foreach ((json_t *)(uintptr_t)labels, key, value) {
		if (r == 0)
			r = buf_printf(out, "%s%s=%s", first ? "" : ",", key,
				json_is_string(value) ? json_string_value(value) : "");
		first = false;
	}
	return r;
}
