/* Writers by hiredis. One process is one row: FORM and SETTINGS say which. hiredis knows neither Sentinel nor cluster mode: what
 * an application does about them is here. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static char why[256];

static double now(void) {
    struct timeval t;
    gettimeofday(&t, NULL);
    return t.tv_sec + t.tv_usec / 1e6;
}

static redisReply *fail(redisContext *c, const char *text) {
    snprintf(why, sizeof why, "%s", text && *text ? text : "no connection");
    if (c) redisFree(c);
    return NULL;
}

/* settings: hiredis sentinel defaults
 * settings: hiredis primary defaults
 * settings: hiredis sentinel recommended
 * settings: hiredis primary recommended */
static redisContext *dial(const char *host, int port, const char *user, const char *password, double seconds) {
    struct timeval wait = {(long)seconds, (long)((seconds - (long)seconds) * 1e6)};
    redisContext *c = seconds > 0 ? redisConnectWithTimeout(host, port, wait) : redisConnect(host, port);
    if (c && !c->err && seconds > 0) redisSetTimeout(c, wait); /* each answer */
    if (!c || c->err) {
        fail(c, c ? c->errstr : "");
        return NULL;
    }
    redisReply *r = *user ? redisCommand(c, "AUTH %s %s", user, password) : redisCommand(c, "AUTH %s", password);
    if (!r || r->type == REDIS_REPLY_ERROR) {
        fail(c, r ? r->str : c->errstr);
        c = NULL;
    }
    if (r) freeReplyObject(r);
    return c;
}
/* end */

/* settings: hiredis sentinel recommended */
static redisContext *dial_master(double seconds) {
    char sentinels[512];
    snprintf(sentinels, sizeof sentinels, "%s", getenv("HOSTS"));
    for (char *rest, *one = strtok_r(sentinels, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
        char *port = strchr(one, ':');
        *port++ = 0;
        redisContext *sentinel = dial(one, atoi(port), getenv("SENTINEL_USERNAME"), getenv("SENTINEL_PASSWORD"), seconds);
        if (!sentinel) continue;
        redisReply *r = redisCommand(sentinel, "SENTINEL get-master-addr-by-name %s", getenv("MASTER_NAME"));
        redisContext *master = NULL;
        if (r && r->type == REDIS_REPLY_ARRAY && r->elements == 2)
            master = dial(r->element[0]->str, atoi(r->element[1]->str), getenv("USERNAME"), getenv("PASSWORD"), seconds);
        if (r) freeReplyObject(r);
        redisFree(sentinel);
        if (master) return master;
    }
    return NULL;
}
/* end */

static redisContext *dial_endpoint(double seconds) {
    char host[256];
    snprintf(host, sizeof host, "%s", getenv("HOSTS"));
    char *port = strrchr(host, ':');
    *port++ = 0;
    return dial(host, atoi(port), getenv("USERNAME"), getenv("PASSWORD"), seconds);
}

static redisContext *make(double seconds) {
    return strcmp(getenv("FORM"), "sentinel") ? dial_endpoint(seconds) : dial_master(seconds);
}

/* A context that had an error takes no more commands: it is thrown away and dialled anew. */
static int set_once(redisContext **c, const char *key, long value, double seconds) {
    if (!*c && !(*c = make(seconds))) return 0;
    redisReply *r = redisCommand(*c, "SET %s %ld", key, value);
    int done = r && r->type == REDIS_REPLY_STATUS;
    if (!done) snprintf(why, sizeof why, "%s", r ? r->str : (*c)->errstr);
    if (r) freeReplyObject(r);
    return done;
}

/* settings: hiredis sentinel recommended
 * settings: hiredis primary recommended */
static int set_within(redisContext **c, const char *key, long value, double budget) {
    for (double deadline = now() + budget; now() < deadline; usleep(50000 + rand() % 450000)) {
        if (set_once(c, key, value, 1.0)) return 1; /* 1 s for each dial and each answer */
        if (*c) redisFree(*c);                      /* also at READONLY: it is no master any more */
        *c = NULL;
    }
    return 0;
}
/* end */

int main(void) {
    int recommended = !strcmp(getenv("SETTINGS"), "recommended");
    double until = atof(getenv("UNTIL"));
    redisContext *client = NULL;
    srand(getpid());
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (long number = 1; now() < until; number++) {
        char key[256];
        snprintf(key, sizeof key, "%s%ld", getenv("PREFIX"), number);
        double start = now();
        int done = recommended ? set_within(&client, key, number, 20) : set_once(&client, key, number, 0);
        printf("%.0f %.0f %ld %s%s\n", start * 1e6, now() * 1e6, number, done ? "ok" : "error hiredis: ", done ? "" : why);
        usleep(10000);
    }
}
