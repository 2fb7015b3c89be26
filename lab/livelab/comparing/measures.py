# SPDX-License-Identifier: Apache-2.0
"""What the figures mean, for --help and for the page."""

MEASURES = """\
figures:
  total            time_elapsed of libvirt's JOB_COMPLETED event on the source
  API wait         from the return of the request until Nova's migration
                   record is final and the server has no task
  downtime (QEMU)  what the source reports; after post-copy it is a few ms,
                   for it leaves out the start on the destination
  downtime (seen)  from libvirt's SUSPENDED event on the source, when QEMU has
                   stopped the guest, to its RESUMED event on the destination,
                   when the guest runs there, both stamped by one watcher on
                   one clock. For post-copy this is the whole pause too, but
                   not the guest's later waits for single pages.
  in budget        whether both downtimes are within the row's downtime
  sent             RAM and disks; of a run that was cut, until then
  memory           ok: a sweep of all the guest's memory that began after the
                   migration found every byte right
"""
