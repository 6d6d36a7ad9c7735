#include "textflag.h"

// pending |= 1 << number; write(writeEnd, anything, 1). The kernel calls it with the
// number in DI and gives every register back to who was interrupted.
TEXT ·handler(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVQ DI, CX
	MOVL $1, AX
	SHLQ CX, AX
	LOCK
	ORQ  AX, ·pending(SB)
	MOVQ ·writeEnd(SB), DI
	LEAQ ·writeEnd(SB), SI
	MOVL $1, DX
	MOVL $1, AX // SYS_WRITE
	SYSCALL
	RET

TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	LEAQ ·handler(SB), AX
	MOVQ AX, ret+0(FP)
	RET
