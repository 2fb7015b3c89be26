#!/bin/bash
# nova-livemig-gpu in DevStack. DevStack sources this in each phase:
#   source plugin.sh stack pre-install|install|post-config|extra|test-config
#   source plugin.sh unstack
#   source plugin.sh clean
# Each phase may run again, and leaves the same.

# Save trace setting: reading functions is not worth a trace, what they set is
_XTRACE_LIVEMIG_GPU=$(set +o | grep xtrace)
set +o xtrace

source "$LIVEMIG_GPU_DIR/devstack/lib/ini"
source "$LIVEMIG_GPU_DIR/devstack/lib/mdev"
source "$LIVEMIG_GPU_DIR/devstack/lib/nova"
source "$LIVEMIG_GPU_DIR/devstack/lib/tempest"

function livemig_gpu_stack { # PHASE
    case $1 in
    install)
        echo_summary "Installing nova-livemig-gpu"
        livemig_gpu_install
        ;;
    post-config)
        echo_summary "Configuring nova-livemig-gpu"
        if is_service_enabled n-cpu; then
            livemig_gpu_make_functions
        fi
        # stack.sh has started this in the background, waits for it only after
        # this phase, and two that edit a file at once lose each other's lines
        async_wait configure_neutron_nova
        livemig_gpu_configure "$NOVA_CONF"
        ;;
    extra)
        livemig_gpu_check_compute
        if is_service_enabled n-cpu; then
            livemig_gpu_check_mdevs
        fi
        ;;
    test-config)
        if is_service_enabled tempest; then
            livemig_gpu_configure_tempest
        fi
        ;;
    esac
}

# Restore xtrace
$_XTRACE_LIVEMIG_GPU

case $1 in
stack)
    # also controllers without nova-compute: filters, extra specs, audit log
    if is_service_enabled nova; then
        livemig_gpu_stack "${2:-}"
    elif [[ "${2:-}" == test-config ]] && is_service_enabled tempest; then
        livemig_gpu_configure_tempest
    fi
    ;;
unstack)
    # Nothing of ours runs beside Nova's services, which unstack.sh stops.
    ;;
clean)
    livemig_gpu_clean
    livemig_gpu_unconfigure_tempest
    ;;
esac
