// A disk that fails, for the tests: loaded before the C library with LD_PRELOAD, it comes between a
// program and what it writes to the files of one folder.
//
//   FAULT_FOLDER  the folder, as the system calls it
//   FAULT_MODE    what happens:
//     write       a write fails, once
//     torn        a write leaves the first half of its bytes, and fails
//     full        no more is written from there on, as on a full disk
//     sync        a sync fails, and what was written to the file since the last one is lost
//     power       the power is lost: the process is killed, and of what was written and not synced,
//                 each sector is kept or lost by chance, and so is each name that was given and whose
//                 folder was not synced
//   FAULT_AT      at which write (of files in the folder) or sync it happens, from 1; `power` counts both
//
// It says `fault injected` on standard error when it does something.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512

// What a file held before a write or a cut that is not synced yet.
struct change {
    struct change *older;
    dev_t device;
    ino_t inode;
    off_t size;   // of the whole file, before
    off_t offset;
    size_t length; // of the bytes that may have changed
    size_t held;   // of those, how many the file had before
    char path[PATH_MAX];
    unsigned char before[];
};

// A file that has another name, until the folder is synced.
struct renamed {
    struct renamed *older;
    char from[PATH_MAX], to[PATH_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct change *newest;
static struct renamed *last_renamed;
static unsigned long seen;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);

__attribute__((constructor)) static void begin(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_rename = dlsym(RTLD_NEXT, "rename");
}

static int mode_is(const char *name) {
    const char *mode = getenv("FAULT_MODE");
    return mode && strcmp(mode, name) == 0;
}

static int is_in_folder(const char *path) {
    const char *folder = getenv("FAULT_FOLDER");
    size_t prefix = folder ? strlen(folder) : 0;
    return folder && strncmp(path, folder, prefix) == 0 && path[prefix] == '/';
}

// Whether a descriptor is of a file in the folder, and that file's path.
static int in_folder(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_in_folder(path);
}

static void say(void) {
    static const char text[] = "fault injected\n";
    real_write(2, text, sizeof text - 1);
}

// Counts an operation; whether it is the one to fail, or one after it.
static int reached(int *after) {
    const char *at = getenv("FAULT_AT");
    unsigned long number = at ? strtoul(at, 0, 10) : 0;
    seen++;
    *after = number && seen > number;
    if (number && seen == number) say();
    return number && seen == number;
}

static void remember(int file, const char *path, off_t offset, size_t length) {
    struct stat status;
    if (fstat(file, &status) != 0) return;
    struct change *change = malloc(sizeof *change + length);
    if (!change) abort();
    *change = (struct change){newest, status.st_dev, status.st_ino, status.st_size,
                              offset, length, 0, ""};
    ssize_t held = pread(file, change->before, length, offset);
    if (held > 0) change->held = held;
    strcpy(change->path, path);
    newest = change;
}

static int is_of(const struct change *change, const struct stat *status) {
    return change->device == status->st_dev && change->inode == status->st_ino;
}

// Forgets what was written to a file, because it is synced; or takes it back.
static void settle(int file, int take_back) {
    struct stat status;
    if (fstat(file, &status) != 0) return;
    for (struct change **place = &newest; *place;) {
        struct change *change = *place;
        if (!is_of(change, &status)) {
            place = &change->older;
            continue;
        }
        if (take_back) {
            real_pwrite(file, change->before, change->held, change->offset);
            real_ftruncate(file, change->size);
        }
        *place = change->older;
        free(change);
    }
}

// Forgets the names given in a folder, because it is synced.
static void settle_names(const char *folder) {
    size_t length = strlen(folder);
    for (struct renamed **place = &last_renamed; *place;) {
        struct renamed *renamed = *place;
        const char *name = renamed->to + length;
        if (strncmp(renamed->to, folder, length) != 0 || *name != '/' || strchr(name + 1, '/')) {
            place = &renamed->older;
            continue;
        }
        *place = renamed->older;
        free(renamed);
    }
}

// Of what is not synced, loses each sector by chance, and then everything stops.
static void lose_power(void) {
    srand(seen);
    static const unsigned char zeros[SECTOR];
    for (struct change *change = newest; change; change = change->older) {
        int file = open(change->path, O_RDWR);
        struct stat status;
        // A file that was deleted is gone.
        if (file < 0 || fstat(file, &status) != 0 || !is_of(change, &status)) continue;
        int all = rand() % 3; // 0: none of it is lost, 1: all of it, 2: by sector
        for (size_t at = 0; at < change->length; at += SECTOR) {
            if (all == 0 || (all == 2 && rand() % 2)) continue;
            size_t end = at + SECTOR < change->length ? at + SECTOR : change->length;
            size_t held = change->held < at ? at : change->held > end ? end : change->held;
            real_pwrite(file, change->before + at, held - at, change->offset + at);
            // The file may have grown, although what it grew by is lost.
            real_pwrite(file, zeros, end - held, change->offset + held);
        }
        if (all == 1) real_ftruncate(file, change->size);
        close(file);
    }
    for (struct renamed *renamed = last_renamed; renamed; renamed = renamed->older)
        if (rand() % 2) real_rename(renamed->to, renamed->from);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

// What becomes of a write of `length` bytes: -1 and an error, or how many are to be written.
static ssize_t judge(int file, const char *path, off_t offset, size_t length, int is_cut) {
    int after = 0, now = 0;
    remember(file, path, offset, length);
    if (!mode_is("sync")) now = reached(&after);
    if (now && mode_is("power")) lose_power();
    if ((now && mode_is("write")) || (now && is_cut && mode_is("torn"))) return errno = EIO, -1;
    if ((now || after) && mode_is("full") && !is_cut) return errno = ENOSPC, -1;
    return now && mode_is("torn") ? (ssize_t)(length / 2) : (ssize_t)length;
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off_t offset) {
    char path[PATH_MAX];
    if (!in_folder(file, path)) return real_pwrite(file, bytes, length, offset);
    pthread_mutex_lock(&lock);
    ssize_t wanted = judge(file, path, offset, length, 0);
    ssize_t written = wanted < 0 ? -1 : real_pwrite(file, bytes, wanted, offset);
    if (wanted >= 0 && (size_t)wanted < length) errno = EIO, written = -1;
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
    return pwrite64(file, bytes, length, offset);
}

ssize_t write(int file, const void *bytes, size_t length) {
    char path[PATH_MAX];
    off_t offset = lseek(file, 0, SEEK_CUR);
    if (offset < 0 || !in_folder(file, path)) return real_write(file, bytes, length);
    ssize_t written = pwrite64(file, bytes, length, offset);
    if (written > 0) lseek(file, offset + written, SEEK_SET);
    return written;
}

int ftruncate64(int file, off_t size) {
    char path[PATH_MAX];
    struct stat status;
    if (!in_folder(file, path) || fstat(file, &status) != 0) return real_ftruncate(file, size);
    pthread_mutex_lock(&lock);
    size_t cut = status.st_size > size ? status.st_size - size : 0;
    int done = judge(file, path, size, cut, 1) < 0 ? -1 : real_ftruncate(file, size);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

int fsync(int file) {
    char path[PATH_MAX];
    if (!in_folder(file, path)) return real_fsync(file);
    pthread_mutex_lock(&lock);
    int after = 0, done = 0;
    int now = (mode_is("sync") || mode_is("power")) && reached(&after);
    if (now && mode_is("power")) lose_power();
    settle(file, now);
    settle_names(path);
    if (now) errno = EIO, done = -1;
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int fdatasync(int file) { return fsync(file); }

int rename(const char *from, const char *to) {
    if (!is_in_folder(to)) return real_rename(from, to);
    pthread_mutex_lock(&lock);
    int done = real_rename(from, to), error = errno;
    if (done == 0) {
        for (struct change *change = newest; change; change = change->older)
            if (strcmp(change->path, from) == 0) strcpy(change->path, to);
        struct renamed *renamed = malloc(sizeof *renamed);
        if (!renamed) abort();
        renamed->older = last_renamed;
        snprintf(renamed->from, PATH_MAX, "%s", from);
        snprintf(renamed->to, PATH_MAX, "%s", to);
        last_renamed = renamed;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}
