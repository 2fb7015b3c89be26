#!/bin/bash
# harness.sh ROOT STEP...: the part of DevStack's stack.sh and clean.sh that
# concerns Nova and plugins, in DevStack's own functions, below ROOT:
#   ROOT/devstack      a copy of DevStack with the local.conf to use, which
#                      sets DEST=ROOT/stack and HOST_IP
#   ROOT/stack         DEST, with a copy of this repository
#   ROOT/etc/nova      what is /etc/nova on a real machine
# Steps: conf (stack.sh up to post-config), install, post-config (beside
# DevStack's background job on nova.conf), merge, start (start_nova_compute),
# extra, test-config, unstack, clean. After each, copies of the configuration
# lie in ROOT/after/NUMBER-STEP.
#
# LATE=1: the background job writes back, once the phase has begun to write,
# what it had read before (see late_configure_neutron_nova).
# XTRACE=1: with a trace, as stack.sh runs.
#
# What would touch this machine is replaced below, and only that; each call
# of a replacement is a line in ROOT/calls.
# shellcheck disable=SC1090,SC1091,SC2034  # DevStack, which reads these
set -o errexit

ROOT=$1
shift
TOP_DIR=$ROOT/devstack
export TERM=dumb

# where root runs this, DevStack takes it for granted that there is a "stack"
id() { command id "${@/#stack/$(whoami)}"; }

cd "$TOP_DIR"
exec 6>&1
source "$TOP_DIR/functions"
rm -f "$TOP_DIR/.localrc.auto"
extract_localrc_section "$TOP_DIR/local.conf" "$TOP_DIR/localrc" \
    "$TOP_DIR/.localrc.auto"
source "$TOP_DIR/stackrc"
source "$TOP_DIR/lib/database"
source "$TOP_DIR/lib/rpc_backend"
for lib in apache tls infra lvm keystone glance nova placement neutron; do
    source "$TOP_DIR/lib/$lib"
done
STACK_USER=$(whoami)
set +o xtrace

recorded() {
    echo "$*" >>"$ROOT/calls"
}
sudo() { # everything here belongs to us
    while [[ "$1" == -* || "$1" == *=* ]]; do shift; done
    "$@"
}
echo_summary() { echo "$@"; }
for name in run_process stop_process restart_service configure_libvirt \
    rpc_backend_add_vhost write_uwsgi_config; do
    eval "$name() { recorded $name \"\$@\"; }"
done
DEVSTACK_VENV=$ROOT/venv REQUIREMENTS_DIR=$ROOT/requirements
GLOBAL_VENV=True
initialize_database_backends || true
if is_service_enabled mysql; then define_database_baseurl; fi
NOVA_CONF_DIR=$ROOT/etc/nova
NOVA_CONF=$NOVA_CONF_DIR/nova.conf
NOVA_COND_CONF=$NOVA_CONF
NOVA_CPU_CONF=$NOVA_CONF_DIR/nova-cpu.conf
NOVA_API_PASTE_INI=$NOVA_CONF_DIR/api-paste.ini
TEMPEST_DIR=$ROOT/stack/tempest
TEMPEST_CONFIG=$ROOT/etc/tempest.conf
mkdir -p "$NOVA_CONF_DIR" "$NOVA_STATE_PATH"
touch "$TEMPEST_CONFIG"

conf() {
    create_nova_conf
    if is_service_enabled n-cpu; then
        configure_nova_hypervisor
        configure_placement_nova_compute
    fi
}

# sed -i, by which DevStack edits, reads a file and later renames another over
# it: what was written between is lost. Here that happens each time.
late_configure_neutron_nova() {
    local tries
    cp "$NOVA_CONF" "$ROOT/read"
    for tries in {1..20}; do
        cmp -s "$NOVA_CONF" "$ROOT/read" || break
        sleep 0.1
    done
    cp "$ROOT/read" "$NOVA_CONF"
    devstack_configure_neutron_nova
}
if [[ -n "${LATE:-}" ]]; then
    eval "devstack_$(declare -f configure_neutron_nova)"
    configure_neutron_nova() { late_configure_neutron_nova; }
fi

# as in stack.sh, which does other things before it waits
post_config() {
    async_runfunc configure_neutron_nova
    run_plugins stack post-config
    async_wait configure_neutron_nova
}

# of configure_tempest, which needs a cloud, what concerns the plugin
configure_tempest_features() {
    local lines
    lines=$(grep -E 'feature-enabled (live_m|scheduler_e)[a-z_]* \$\{' \
        "$TOP_DIR/lib/tempest")
    eval "$lines"
}

async_init
if [[ -n "${XTRACE:-}" ]]; then set -o xtrace; fi
load_plugin_settings
number=0
for step; do
    number=$((number + 1))
    echo "== $step"
    case $step in
    conf) conf ;;
    merge) merge_config_group "$TOP_DIR/local.conf" post-config ;;
    start) start_nova_compute ;;
    post-config) post_config ;;
    test-config)
        if is_service_enabled tempest; then configure_tempest_features; fi
        run_plugins stack test-config
        ;;
    unstack | clean) run_plugins "$step" ;;
    *) run_plugins stack "$step" ;;
    esac
    mkdir -p "$ROOT/after/$number-$step"
    cp -r "$ROOT/etc/." "$ROOT/after/$number-$step"
done
echo "NOVA_FILTERS=$NOVA_FILTERS" >"$ROOT/variables"
echo "TEMPEST_PLUGINS=${TEMPEST_PLUGINS:-}" >>"$ROOT/variables"
