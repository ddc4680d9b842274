/*
 * unbuilt - the calls of the Docker Engine API that berth does not have yet, so that they are told apart from mistakes.
 *
 * Source:  the Docker Engine API, v1.47.
 * Context: pure. The router asks when no route of its own fits.
 */
#ifndef SUPERVISOR_API_UNBUILT_H
#define SUPERVISOR_API_UNBUILT_H

/* What the call would be about ("events"), or NULL when docker has no such call either. */
const char *api_unbuilt(const char *method, const char *path);

#endif
