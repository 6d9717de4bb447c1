// Maps memory of every make, says of each piece what it is and where, and stops itself. In the directory DIR, NUMBER decides
// sizes and whether a second process shares all of it. A line for each piece: kind, whether its file is deleted, the thread
// whose stack it is or 0, address; "-" in place of the address where this system does not give it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t page, size;

static void say(const char *kind, int deleted, int tid, void *at) {
    if (at == MAP_FAILED)
        printf("%s %d %d -\n", kind, deleted, tid);
    else
        printf("%s %d %d %lx\n", kind, deleted, tid, (unsigned long)at);
}

// Write to every second page.
static void *touch(void *at, size_t length) {
    for (size_t page_at = 0; at != MAP_FAILED && page_at < length; page_at += 2 * page)
        ((volatile char *)at)[page_at] = 1;
    return at;
}

static int file(const char *name) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, size) < 0 || write(fd, "content", 7) != 7) {
        perror(name);
        exit(1);
    }
    return fd;
}

static void *map(int protection, int flags, int fd) { return mmap(NULL, size, protection, flags, fd, 0); }

static void files(void) {
    const char *names[] = {"plain", "new\nline", "blank ", " blank", "real (deleted)", "Rss:                   4 kB",
                           "7f0000000000-7f0000001000 r--p", "[heap]", "SYSVabc", "back\\slash \\012", "\xff\x1b[31m"};
    for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
        int fd = file(names[at]);
        say("file", 0, 0, map(PROT_READ, MAP_PRIVATE, fd));
        say("file", 0, 0, touch(map(PROT_READ | PROT_WRITE, MAP_PRIVATE, fd), size));
        say("file", 0, 0, touch(map(PROT_READ | PROT_WRITE, MAP_SHARED, fd), size));
        close(fd);
    }
    int fd = file("SYSV00000000");
    unlink("SYSV00000000");
    say("file", 1, 0, touch(map(PROT_READ | PROT_WRITE, MAP_SHARED, fd), size));
    fd = file("gone");
    unlink("gone");
    say("file", 1, 0, map(PROT_READ, MAP_SHARED, fd));
    // Another file has a name that the kernel's mark makes of this one's.
    fd = file("twin");
    file("twin (deleted)");
    unlink("twin");
    say("file", 1, 0, map(PROT_READ, MAP_SHARED, fd));
    // The name is gone, the file is not.
    fd = file("renamed");
    if (link("renamed", "kept") < 0) perror("link");
    unlink("renamed");
    say("file", 1, 0, map(PROT_READ, MAP_SHARED, fd));
    char name[201];
    memset(name, 'x', 200);
    name[200] = 0;
    for (int depth = 0; depth < 15; depth++)
        if (mkdir(name, 0700) < 0 || chdir(name) < 0) perror("mkdir");
    say("file", 0, 0, map(PROT_READ, MAP_SHARED, file("deep")));
}

static void anonymous(void) {
    int any = MAP_PRIVATE | MAP_ANONYMOUS, both = PROT_READ | PROT_WRITE;
    say("anonymous", 0, 0, touch(map(both | PROT_EXEC, any, -1), size));
    say("anonymous", 0, 0, map(PROT_NONE, any, -1));
    int advice[] = {MADV_SEQUENTIAL, MADV_RANDOM, MADV_DONTFORK, MADV_DONTDUMP, MADV_WIPEONFORK, MADV_NOHUGEPAGE, MADV_MERGEABLE};
    for (size_t at = 0; at < sizeof advice / sizeof *advice; at++) {
        // Apart from each other, lest the kernel make one of them.
        map(PROT_NONE, any, -1);
        void *piece = map(both, any, -1);
        madvise(piece, size, advice[at]);
        say("anonymous", 0, 0, touch(piece, size));
    }
    map(PROT_NONE, any, -1);
    void *locked = map(both, any, -1);
    mlock(locked, page);
    say("anonymous", 0, 0, locked);
    map(PROT_NONE, any, -1);
    void *lazy = touch(map(both, any, -1), size);
    madvise(lazy, size, MADV_FREE);
    say("anonymous", 0, 0, lazy);
    // Zeros that were read and never written, and what can no longer be written to.
    void *sealed = touch(map(both, any | MAP_NORESERVE, -1), size);
    mprotect(sealed, size, PROT_READ);
    say("anonymous", 0, 0, sealed);
    say("anonymous", 0, 0, touch(map(both, any | MAP_GROWSDOWN, -1), size));
    say("anonymous", 0, 0, map(both, any | MAP_HUGETLB, -1));
    char *huge = mmap(NULL, 4 << 20, both, any, -1, 0);
    char *aligned = (char *)(((uintptr_t)huge + (2 << 20) - 1) & ~(uintptr_t)((2 << 20) - 1));
    madvise(aligned, 2 << 20, MADV_HUGEPAGE);
    *(volatile char *)aligned = 1;
    say("anonymous", 0, 0, aligned);
    say("anonymous", 0, 0, touch(map(both, MAP_PRIVATE, open("/dev/zero", O_RDWR | O_CLOEXEC)), size));
}

static void shared(void) {
    int both = PROT_READ | PROT_WRITE;
    say("shared", 1, 0, touch(map(both, MAP_SHARED | MAP_ANONYMOUS, -1), size));
    say("shared", 1, 0, touch(map(both, MAP_SHARED, open("/dev/zero", O_RDWR | O_CLOEXEC)), size));
    say("shared", 1, 0, map(both, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1));
    const char *names[] = {"plain", "new\nline (deleted)", ""};
    for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
        int fd = memfd_create(names[at], MFD_CLOEXEC);
        if (ftruncate(fd, size) < 0) perror("memfd");
        say("memfd", 1, 0, touch(map(both, MAP_SHARED, fd), size));
    }
    int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
    void *segment = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);
    if (id >= 0) shmctl(id, IPC_RMID, NULL);
    say("sysv", 1, 0, touch(segment, size));
}

static pthread_barrier_t ready;

static void *thread(void *unused) {
    char here;
    flockfile(stdout);
    say("thread_stack", 0, syscall(SYS_gettid), &here);
    funlockfile(stdout);
    pthread_barrier_wait(&ready);
    for (;;) pause();
    return unused;
}

// More mappings than anybody wants to look at: pages of two permissions in turn.
static void many(long count) {
    char *at = mmap(NULL, (count + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long page_at = 0; page_at < count; page_at += 2) {
        at[page_at * page] = 1;
        if (mprotect(at + page_at * page, page, PROT_READ) < 0) {
            perror("mprotect");
            exit(1);
        }
    }
}

int main(int count, char **arguments) {
    page = sysconf(_SC_PAGESIZE);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (count == 3 && strcmp(arguments[1], "many") == 0) {
        many(atol(arguments[2]));
        printf("done\n");
        fflush(stdout);
        for (;;) pause();
    }
    if (count != 4 || chdir(arguments[2]) < 0) return 2;
    int number = atoi(arguments[3]);
    size = (number % 7 + 1) * page;
    files();
    anonymous();
    shared();
    static int variable = 1;
    static char zeros[1 << 16];
    char here;
    say("text", 0, 0, (void *)main);
    say("rodata", 0, 0, (void *)"constant");
    say("data", 0, 0, &variable);
    say("bss", 0, 0, touch(zeros, sizeof zeros) + sizeof zeros - 1);
    say("heap", 0, 0, sbrk(4096));
    say("stack", 0, 0, &here);
    pthread_barrier_init(&ready, NULL, 4);
    for (int at = 0; at < 3; at++) {
        pthread_t id;
        pthread_create(&id, NULL, thread, NULL);
    }
    pthread_barrier_wait(&ready);
    if (number % 2 == 1 && fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) pause();
    }
    printf("done\n");
    fflush(stdout);
    if (strcmp(arguments[1], "leaderless") == 0) pthread_exit(NULL);
    raise(SIGSTOP);
}
