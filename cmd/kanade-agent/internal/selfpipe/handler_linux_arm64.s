#include "textflag.h"

// pending |= 1 << number; write(writeEnd, anything, 1). The kernel calls it with the
// number in R0 and gives every register back to who was interrupted.
TEXT ·handler(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD $1, R1
	LSL  R0, R1, R1
	MOVD $·pending(SB), R2
again:
	LDAXR (R2), R3
	ORR   R1, R3
	STLXR R3, (R2), R4
	CBNZ  R4, again
	MOVD $·writeEnd(SB), R1
	MOVD (R1), R0
	MOVD $1, R2
	MOVD $64, R8 // SYS_WRITE
	SVC
	RET

TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	MOVD $·handler(SB), R0
	MOVD R0, ret+0(FP)
	RET
