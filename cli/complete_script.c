/* The completions of the shells: each asks "berth __complete", which knows the verb tables and the daemon. */
#include <string.h>

#include "cli/complete.h"

/* The line is split here: bash itself splits words at ':' and '=', and replaces only what follows them. */
static const char bash[] =
	"# bash completion for berth: source it, or put it into bash-completion's directory\n"
	"_berth() {\n"
	"	local line=${COMP_LINE:0:COMP_POINT} words cur before candidate files=\n"
	"	read -ra words <<< \"$line\"\n"
	"	[[ $line != *[[:space:]] ]] || words+=('')\n"
	"	cur=${words[${#words[@]}-1]}\n"
	"	before=${cur%\"${cur##*[:=]}\"}\n"
	"	COMPREPLY=()\n"
	"	while IFS= read -r candidate; do\n"
	"		if [[ $candidate = :file ]]; then\n"
	"			files=1\n"
	"		else\n"
	"			candidate=${candidate%%$'\\t'*}\n"
	"			COMPREPLY+=(\"${candidate#\"$before\"}\")\n"
	"		fi\n"
	"	done < <(\"${words[0]/#\\~/$HOME}\" __complete \"${words[@]:1}\" 2> /dev/null)\n"
	"	[[ -z $files || ${#COMPREPLY[@]} -gt 0 ]] || compopt -o default 2> /dev/null\n"
	"}\n"
	"complete -F _berth berth\n";

static const char zsh[] =
	"#compdef berth\n"
	"# zsh completion for berth: put it as _berth into a directory of $fpath, or source it\n"
	"_berth() {\n"
	"	local -a names\n"
	"	local line files=\n"
	"	while IFS= read -r line; do\n"
	"		if [[ $line == :file ]]; then\n"
	"			files=1\n"
	"		else\n"
	"			names+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
	"		fi\n"
	"	done < <(\"${words[1]}\" __complete \"${(@)words[2,CURRENT]}\" 2> /dev/null)\n"
	"	(( ${#names} )) && _describe -t berth berth names && return\n"
	"	[[ -n $files ]] && _files\n"
	"}\n"
	"if [[ ${funcstack[1]} == _berth ]]; then\n"
	"	_berth \"$@\"\n"
	"else\n"
	"	compdef _berth berth\n"
	"fi\n";

static const char fish[] = "# fish completion for berth: source it, or put it into vendor_completions.d\n"
			   "function __berth_complete\n"
			   "	set -l words (commandline -opc) (commandline -ct)\n"
			   "	for line in (command $words[1] __complete $words[2..-1] 2> /dev/null)\n"
			   "		if test \"$line\" = :file\n"
			   "			__fish_complete_path (commandline -ct)\n"
			   "		else\n"
			   "			echo $line\n"
			   "		end\n"
			   "	end\n"
			   "end\n"
			   "complete -c berth -f -a '(__berth_complete)'\n";

const char *complete_script(const char *shell)
{
	static const struct {
		const char *name, *script;
	} all[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, shell) == 0)
			return all[i].script;
	return NULL;
}
