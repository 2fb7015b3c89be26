#!/bin/bash
# recorders.sh PLUGIN_DIR ARG...: source settings and plugin.sh with ARG as
# DevStack would, against functions that only write down how they were called.
#
# These are no DevStack: they know nothing of ini files. What is read is
# answered from ANSWERS ("file section option value" a line). The function that
# FAILS names fails. XTRACE=True: with a trace, among the calls. The same
# plugin in DevStack's own functions: tests/devstack.
set -o errexit
for name in define_plugin echo_summary iniset iniadd iniset_multiline \
    inidelete setup_develop pip_uninstall restart_service warn \
    async_wait; do
    eval "$name() { echo $name \"\$@\"; [[ '$name' != \"\$FAILS\" ]]; }"
done

sudo() { echo sudo "$@"; }

answer() { # FILE SECTION OPTION
    local file section option value
    while read -r file section option value; do
        if [ "$file $section $option" = "$(basename "$1") $2 $3" ]; then
            echo "$value"
        fi
    done <<<"${ANSWERS:-}"
}

iniget() { answer "$@" | tail -n 1; }
iniget_multiline() { answer "$@" | xargs; }

is_service_enabled() { # nova: any of its services
    case ",$SERVICES," in
    *",$1,"*) ;;
    *,n-*) [ "$1" = nova ] ;;
    *) false ;;
    esac
}

trueorfalse() { # DEFAULT NAME
    echo "${!2:-$1}"
}

plugin=$1
shift
if [ "$XTRACE" = True ]; then
    exec 3>&1
    BASH_XTRACEFD=3
    set -o xtrace
fi
# shellcheck source=/dev/null
source "$plugin/devstack/settings"
# shellcheck source=/dev/null
source "$plugin/devstack/plugin.sh" "$@"
: after # in the trace, where there is one
set +o xtrace
echo "end ${TEMPEST_PLUGINS:-} ${LIVE_MIGRATION_AVAILABLE:-}"
