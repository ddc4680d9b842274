/* The verbs of "berth image". */
#include "cli/cli.h"

static const struct verb verbs[] = {
	{ "tag", "dir:PATH|oci-bundle:PATH|IMAGE NAME[:TAG]", "Give a root filesystem a name", plain_options,
		false, 2, 2, 125, verb_tag, NULL },
	{ "ls", "[OPTIONS] [NAME[:TAG]]", "List names of root filesystems", images_options, false, 0, 1, 125,
		verb_images, NULL },
	{ "inspect", "[OPTIONS] IMAGE [IMAGE...]", "Print all that is known of them", image_inspect_options,
		false, 1, SIZE_MAX, 125, verb_image_inspect, NULL },
	{ "rm", "[OPTIONS] IMAGE [IMAGE...]", "Take names away; the files stay", rmi_options, false, 1,
		SIZE_MAX, 125, verb_rmi, NULL },
	{ NULL, NULL, NULL, NULL, false, 0, 0, 0, NULL, NULL },
};

const struct verb *image_verbs(void)
{
	return verbs;
}
