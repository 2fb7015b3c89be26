# SPDX-License-Identifier: Apache-2.0
# A guest of one sector, for machines inside emulated machines, where a Linux
# guest would take minutes. It fills memory, then rewrites a part of it at a
# set rate and looks at all of it again and again:
#
#   from 4 MiB    working set: one word in 64 bytes is what it was in the last
#                 round, or memory is wrong; then it is set to the next value
#   behind that   filling: one word in 64 bytes is what it was set to
#
# On the first serial port: R when memory is filled, a dot for each round over
# the working set, v for each look over the filling, X for ever when a word is
# wrong. The clock ticks 18.2 times a second; a tick's share is done at once,
# and in between the processor halts.
#
# It stays in real mode, for the BIOS's interrupt handlers, with data segments
# of 4 GiB.

        .set    KEY, 0x9E3779B1
        .set    BASE, 4 << 20
        .set    PORT, 0x3f8
        .code16
        .globl  _start
_start: cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ss
        movw    $0x7000, %sp
        movw    %ax, %ds
        inb     $0x92, %al              # address line 20
        orb     $2, %al
        outb    %al, $0x92
        call    widen
        movl    $BASE, %edi
fill:   cmpl    fillend, %edi
        jae     filled
        call    value
        movl    %eax, (%edi)
        addl    $64, %edi
        jmp     fill
filled: movb    $'R', %al
        call    put
        xorl    %ebx, %ebx              # the round
        movl    $BASE, %edi             # next in the working set
        movl    wsend, %esi             # next in the filling

tick:   sti
        hlt
        cli
        call    widen
        movl    wspages, %ecx
        call    write
        movl    lookpages, %ecx
        call    look
        jmp     tick

write:  jecxz   9f                      # ecx pages of the working set
        movl    $64, %edx
1:      call    value
        xorl    %ebx, %eax
        cmpl    (%edi), %eax
        jne     wrong
        xorl    %ebx, %eax
        incl    %ebx
        xorl    %ebx, %eax
        decl    %ebx
        movl    %eax, (%edi)
        addl    $64, %edi
        decl    %edx
        jnz     1b
        cmpl    wsend, %edi
        jb      2f
        movl    $BASE, %edi
        incl    %ebx
        movb    $'.', %al
        call    put
2:      decl    %ecx
        jmp     write

look:   jecxz   9f                      # ecx pages of the filling
        movl    $64, %edx
1:      xchgl   %esi, %edi
        call    value
        cmpl    (%edi), %eax
        jne     wrong
        xchgl   %esi, %edi
        addl    $64, %esi
        decl    %edx
        jnz     1b
        cmpl    fillend, %esi
        jb      2f
        movl    wsend, %esi
        movb    $'v', %al
        call    put
2:      decl    %ecx
        jmp     look
9:      ret

wrong:  movb    $'X', %al
        call    put
        sti
        hlt
        jmp     wrong

value:  movl    %edi, %eax              # what belongs at edi, in eax
        imull   $KEY, %eax, %eax
        ret

put:    pushw   %dx
        movw    $PORT, %dx
        outb    %al, %dx
        popw    %dx
        ret

widen:  pushl   %eax                    # data segments of 4 GiB
        lgdt    table
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        jmp     1f
1:      movw    $8, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movl    %cr0, %eax
        andb    $0xfe, %al
        movl    %eax, %cr0
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        popl    %eax
        ret

        .balign 8
gdt:    .quad   0
        .quad   0x00cf92000000ffff
table:  .word   15
        .long   gdt

# What livelab/vfio/sector.py fills in
        .org    424
wsend:          .long   0               # end of the working set
fillend:        .long   0               # end of the filling
wspages:        .long   0               # rewritten in a tick
lookpages:      .long   0               # looked at in a tick

# One entry in the table of partitions: Glance takes a sector with nothing
# but the signature for a broken disk.
        .org    446
        .byte   0x80, 0, 2, 0, 0x83, 0, 2, 0
        .long   1, 2047
        .org    510
        .word   0xaa55
