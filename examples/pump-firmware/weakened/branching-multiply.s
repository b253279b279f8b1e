@ A 64-bit multiplication that branches on a carry, as a C compiler may write it for a core without one: the control of
@ `cargo xtask firmware`, which must refuse it. It is linked into nothing.
    .arch armv6-m
    .syntax unified
    .thumb
    .global __aeabi_lmul
    .thumb_func
__aeabi_lmul:
    push {r4, r5, r6, lr}
    muls r1, r2, r1
    muls r3, r0, r3
    adds r1, r1, r3
    lsrs r3, r0, #16
    lsrs r4, r2, #16
    uxth r0, r0
    uxth r2, r2
    movs r5, r3
    muls r5, r4, r5
    muls r3, r2, r3
    muls r4, r0, r4
    muls r0, r2, r0
    adds r3, r3, r4
    bcc 1f
    movs r4, #1
    lsls r4, r4, #16
    adds r5, r5, r4
1:  lsrs r4, r3, #16
    adds r5, r5, r4
    lsls r3, r3, #16
    adds r0, r0, r3
    bcc 2f
    adds r5, r5, #1
2:  adds r1, r1, r5
    pop {r4, r5, r6, pc}
