package system

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// cacheBound is the longest that a request to the cache may take, whatever Redis does: the two seconds and a half that
// a call to it is given, and what a busy machine adds.
const cacheBound = 8 * time.Second

// password has characters that must be percent-encoded in a URL.
const password = "p@ss/w0rd%hunter2"

// TestRedisOutages stops Redis 20 times under load, politely and not, and starts it again. Each request is answered
// in time, and the cache comes back by itself.
func TestRedisOutages(t *testing.T) {
	t.Parallel()
	const outages = 20
	redis := testkit.StartRedis(t)
	p := start(t, "--cache-server=tcp://"+redis.Addr)
	l := loadCache(t, p)
	for round := range outages {
		l.waitFor("requests that are served", &l.served)
		redis.Stop([]syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[round%2])
		l.waitFor("requests that are refused", &l.refused)
		redis.Start()
	}
	l.waitFor("requests that are served", &l.served)
	l.stop()
	p.isAlive(t)
	t.Logf("%d requests served and %d answered 502 in %d outages, the slowest in %s",
		l.served.Load(), l.refused.Load(), outages, time.Duration(l.slowest.Load()))
}

// cacheLoad is a few clients that write, read and delete.
type cacheLoad struct {
	t       *testing.T
	p       *podinfo
	stop    func() // ends the clients and waits for them
	served  atomic.Int64
	refused atomic.Int64
	slowest atomic.Int64 // nanoseconds
}

func loadCache(t *testing.T, p *podinfo) *cacheLoad {
	const clients = 6
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	var running sync.WaitGroup
	l := &cacheLoad{t: t, p: p, stop: func() { cancel(); running.Wait() }}
	for range clients {
		running.Go(func() { l.run(ctx) })
	}
	t.Cleanup(l.stop)
	return l
}

// run goes through the requests at a pace that leaves the machine some room.
func (l *cacheLoad) run(ctx context.Context) {
	requests := []struct{ method, path, body string }{
		{http.MethodPost, "/cache/key", "value"},
		{http.MethodGet, "/cache/key", ""},
		{http.MethodPut, "/cache/key", strings.Repeat("long", 8<<10)},
		{http.MethodGet, "/cache/missing", ""},
		{http.MethodDelete, "/cache/key", ""},
	}
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		r := requests[i%len(requests)]
		l.request(r.method, r.path, r.body)
		select {
		case <-pace.C:
		case <-ctx.Done():
		}
	}
}

func (l *cacheLoad) request(method, path, body string) {
	began := time.Now()
	got, err := l.p.try(l.t, method, l.p.URL+path, body)
	took := time.Since(began)
	for slowest := l.slowest.Load(); int64(took) > slowest && !l.slowest.CompareAndSwap(slowest, int64(took)); {
		slowest = l.slowest.Load()
	}
	switch {
	case err != nil:
		l.t.Errorf("%s %s is not answered: %v", method, path, err)
	case took > cacheBound:
		l.t.Errorf("%s %s took %s, want at most %s", method, path, took, cacheBound)
	case got.status == http.StatusBadGateway:
		l.refused.Add(1)
	case got.status == http.StatusOK || got.status == http.StatusAccepted || got.status == http.StatusNotFound:
		l.served.Add(1)
	default:
		l.t.Errorf("%s %s: status %d, want 200, 202, 404 or 502; %s", method, path, got.status, got.body)
	}
}

// waitFor waits until a count has grown by more than the requests that were under way when the wait began.
func (l *cacheLoad) waitFor(what string, count *atomic.Int64) {
	l.t.Helper()
	want := count.Load() + 20
	testkit.Eventually(l.t, patience, what, func() bool { return count.Load() >= want })
}

// TestRedisAccess connects to Redis servers that ask for more than an address, rightly and wrongly.
func TestRedisAccess(t *testing.T) {
	t.Parallel()
	encoded := url.QueryEscape(password)
	certificate := testkit.NewCertificate(t)
	open := testkit.StartRedis(t).Addr
	locked := testkit.StartRedis(t, "--requirepass", password, "--user", "worker", "on", ">"+password, "~*", "+@all").Addr
	secure := testkit.StartRedis(t, "--requirepass", password, "--tls-cert-file", certificate.CertFile,
		"--tls-key-file", certificate.KeyFile, "--tls-ca-cert-file", certificate.CertFile).Addr

	tests := []struct {
		name, server string
		trust        string // the file of certificates that the process takes for the system's
		works        bool
	}{
		{name: "password", server: "tcp://:" + encoded + "@" + locked, works: true},
		{name: "user and password", server: "redis://worker:" + encoded + "@" + locked + "/1", works: true},
		{name: "wrong password", server: "tcp://:" + encoded + "x@" + locked},
		{name: "wrong user", server: "tcp://nobody:" + encoded + "@" + locked},
		{name: "no password", server: "tcp://" + locked},
		{name: "password that nobody asked for", server: "tcp://:" + encoded + "@" + open, works: true},
		{name: "TLS", server: "rediss://:" + encoded + "@" + secure, trust: certificate.CertFile, works: true},
		{name: "TLS unverified", server: "rediss://:" + encoded + "@" + secure + "?skip_verify=true", works: true},
		{name: "TLS by an unknown issuer", server: "rediss://:" + encoded + "@" + secure},
		{name: "TLS without TLS", server: "tcp://:" + encoded + "@" + secure},
		{name: "TLS to a server without", server: "rediss://:" + encoded + "@" + open},
		{name: "nobody there", server: "tcp://:" + encoded + "@" + testkit.ClosedAddress(t)},
		{name: "no such host", server: "tcp://:" + encoded + "@redis.invalid:6379"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "PODINFO_CACHE_SERVER="+test.server, "SSL_CERT_FILE="+test.trust)
			cacheAnswers(t, p, test.works)
			if !test.works {
				p.saysOffline(t, test.server)
			}
			for _, secret := range []string{password, encoded} {
				if strings.Contains(p.Stderr(), secret) {
					t.Error("the log holds the password")
				}
			}
			p.isAlive(t)
		})
	}
}

// cacheAnswers writes, reads and deletes, and wants each of them to work, or to be refused in time.
func cacheAnswers(t *testing.T, p *podinfo, works bool) {
	t.Helper()
	for _, r := range []struct {
		method string
		status int
	}{
		{http.MethodPut, http.StatusAccepted},
		{http.MethodGet, http.StatusOK},
		{http.MethodDelete, http.StatusAccepted},
	} {
		want := r.status
		if !works {
			want = http.StatusBadGateway
		}
		began := time.Now()
		got := p.send(t, r.method, "/cache/key", "value")
		if took := time.Since(began); got.status != want || took > cacheBound {
			t.Errorf("%s: status %d after %s, want %d within %s", r.method, got.status, took, want, cacheBound)
		}
	}
}

// saysOffline waits for the log to tell that the cache is not there. The line names the server, without its password.
func (p *podinfo) saysOffline(t *testing.T, server string) {
	t.Helper()
	const msg = "cache server is offline"
	testkit.Eventually(t, patience, "the log to say: "+msg, func() bool { return len(p.logged(msg)) > 0 })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	line := p.logged(msg)[0]
	if line.text("level") != "warn" || line.text("error") == "" || !strings.Contains(line.text("server"), u.Host) {
		t.Errorf("the log says %v, want level warn, the error, and the server %s", line, u.Host)
	}
}

// TestRedisHeartbeat finds the process in Redis under the name of its host.
func TestRedisHeartbeat(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	p := start(t, "--cache-server=tcp://"+redis.Addr)
	var info struct{ Hostname, Version string }
	p.json(t, "/api/info", &info)
	testkit.Eventually(t, patience, "the version under the key "+info.Hostname, func() bool {
		return redis.Do("GET "+info.Hostname) == info.Version
	})
	if ttl := redis.Do("TTL " + info.Hostname); ttl != ":60" && !strings.HasPrefix(ttl, ":5") {
		t.Errorf("the key expires in %s, want 60 seconds or a little less", ttl)
	}
}

// TestRedisHangs asks a Redis that takes connections and never answers, with more requests than there are connections
// in the pool. The rest of the server does not notice, and it can be stopped.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	const requests = 80
	redis := testkit.StartRedis(t)
	redis.Pause()
	p := start(t, "--cache-server=tcp://"+redis.Addr) // which a Redis that hangs must not hold up
	var asking sync.WaitGroup
	for range requests {
		asking.Go(func() { cacheRefuses(t, p) })
	}
	p.isAlive(t)
	asking.Wait()
	redis.Resume()
	testkit.Eventually(t, patience, "the cache to work again", func() bool {
		return p.send(t, http.MethodPut, "/cache/key", "value").status == http.StatusAccepted
	})
	cacheAnswers(t, p, true)

	redis.Pause()
	began := time.Now()
	if code := p.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(began); took > cacheBound {
		t.Errorf("the stop took %s, want at most %s", took, cacheBound)
	}
}

func cacheRefuses(t *testing.T, p *podinfo) {
	began := time.Now()
	got, err := p.try(t, http.MethodGet, p.URL+"/cache/key", "")
	if took := time.Since(began); err != nil || got.status != http.StatusBadGateway || took > cacheBound {
		t.Errorf("GET: status %d after %s, %v; want 502 within %s", got.status, took, err, cacheBound)
	}
}

// TestRedisComesLater starts without a Redis and finds it when it comes.
func TestRedisComesLater(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	redis.Stop(syscall.SIGTERM)
	p := start(t, "--cache-server=tcp://"+redis.Addr)
	cacheAnswers(t, p, false)
	redis.Start()
	testkit.Eventually(t, patience, "the cache to work", func() bool {
		return p.send(t, http.MethodPut, "/cache/key", "value").status == http.StatusAccepted
	})
	cacheAnswers(t, p, true)
}
