/* The cable of a virtual reader. vpcd's own driver can lose a medium but never a reader, so this stands
 * before it (tests/pcscd.py builds it): while the file PULLED exists, the reader does not answer pcscd.
 * Everything else pcscd finds in the driver behind it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

#define IFD_COMMUNICATION_ERROR 612

long IFDHICCPresence(unsigned long lun)
{
    long (*presence)(unsigned long) = (long (*)(unsigned long)) dlsym(RTLD_NEXT, "IFDHICCPresence");
    return access(PULLED, F_OK) == 0 ? IFD_COMMUNICATION_ERROR : presence(lun);
}
