/* The cable of a virtual reader. vpcd's own driver can lose a medium but never a reader, so this stands
 * before it (tests/pcscd.py builds it): while the file PULLED exists, the reader does not answer pcscd.
 * While the file LIT exists, it takes orders to its own firmware and notes them there, in hex; else it
 * refuses them, as libccid does by default. Everything else pcscd finds in the driver behind it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#define IFD_SUCCESS 0
#define IFD_ERROR_NOT_SUPPORTED 606
#define IFD_COMMUNICATION_ERROR 612
#define ESCAPE (0x42000000 + 1)

long IFDHICCPresence(unsigned long lun)
{
    long (*presence)(unsigned long) = (long (*)(unsigned long)) dlsym(RTLD_NEXT, "IFDHICCPresence");
    return access(PULLED, F_OK) == 0 ? IFD_COMMUNICATION_ERROR : presence(lun);
}

long IFDHControl(unsigned long lun, unsigned long code, unsigned char *order, unsigned long size,
                 unsigned char *answer, unsigned long room, unsigned long *given)
{
    FILE *lit = access(LIT, F_OK) == 0 && code == ESCAPE && room >= 2 ? fopen(LIT, "a") : NULL;
    *given = 0;
    if (lit == NULL)
        return IFD_ERROR_NOT_SUPPORTED;
    for (unsigned long at = 0; at < size; at++)
        fprintf(lit, "%02x", order[at]);
    fputc('\n', lit);
    fclose(lit);
    answer[0] = 0x90;
    answer[1] = 0x00;
    *given = 2;
    return IFD_SUCCESS;
}
