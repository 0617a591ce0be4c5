package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// asked is a request as it arrived.
type asked struct {
	method, path, authorization, contentType, agent, body string
}

// standIn serves answer to every request, in podinfo's place, and tells of the last one.
func standIn(t *testing.T, answer http.HandlerFunc) (url string, last func() asked) {
	t.Helper()
	requests := make(chan asked, 8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- asked{r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Content-Type"),
			r.UserAgent(), string(body)}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() asked {
		select {
		case r := <-requests:
			return r
		default:
			t.Error("podcli has sent no request")
			return asked{}
		}
	}
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// wantResult fails the test unless podcli ended so; stderr has to hold the text given, or nothing.
func wantResult(t *testing.T, r result, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit status %d, want %d", r.code, code)
	}
	if r.stdout != stdout {
		t.Errorf("stdout is %q, want %q", r.stdout, stdout)
	}
	if !strings.Contains(r.stderr, stderr) || stderr == "" && r.stderr != "" {
		t.Errorf("stderr is %q, want %q in it", r.stderr, stderr)
	}
	if strings.Contains(r.stderr, "Usage:") {
		t.Errorf("stderr shows the usage though it was understood: %q", r.stderr)
	}
}

func statuses(t *testing.T) string {
	t.Helper()
	ago := func(d time.Duration) string { return time.Now().Add(-d).Format(time.RFC3339Nano) }
	list := []map[string]any{
		{"name": "protocol-grpc-cbor", "transport": "grpc", "state": "ready", "since": ago(3*time.Hour + time.Minute),
			"sha256": strings.Repeat("0123456789abcdef", 4), "pid": 42, "restarts": 1, "reloads": 2, "in_flight": 3,
			"info": map[string]any{"name": "CBOR", "version": "1.0.0", "content_type": "application/cbor"}},
		{"name": "protocol-rpc-x", "transport": "rpc", "state": "failed", "since": ago(72 * time.Hour),
			"error": "it\tprinted \x1b[2J\n"},
	}
	body, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestPluginList(t *testing.T) {
	t.Parallel()
	body := statuses(t)
	for _, c := range []struct {
		name  string
		flags []string
		want  string // a blank stands for any number of them
	}{
		{"table", nil, "NAME TRANSPORT STATE RESTARTS RELOADS IN-FLIGHT AGE ERROR\n" +
			"protocol-grpc-cbor grpc ready 1 2 3 3h\n" +
			"protocol-rpc-x rpc failed 0 0 0 3d it printed \\x1b[2J\\n\n"},
		{"wide", []string{"-o", "wide"},
			"NAME TRANSPORT STATE RESTARTS RELOADS IN-FLIGHT AGE PID SHA256 PROTOCOL VERSION CONTENT-TYPE ERROR\n" +
				"protocol-grpc-cbor grpc ready 1 2 3 3h 42 0123456789ab CBOR 1.0.0 application/cbor\n" +
				"protocol-rpc-x rpc failed 0 0 0 3d - - - - - it printed \\x1b[2J\\n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, last := standIn(t, says(200, body))
			r := podcli("", append([]string{"plugin", "list", url + "/prefix/"}, c.flags...)...)
			lines := strings.Split(r.stdout, "\n")
			for i, line := range lines {
				lines[i] = strings.Join(strings.Fields(line), " ")
			}
			r.stdout = strings.Join(lines, "\n")
			wantResult(t, r, 0, c.want, "")
			if got, want := last(), (asked{method: "GET", path: "/prefix/plugins", agent: userAgent}); got != want {
				t.Errorf("podcli asked %+v, want %+v", got, want)
			}
		})
	}
	t.Run("JSON", func(t *testing.T) {
		t.Parallel()
		url, _ := standIn(t, says(200, body))
		r := podcli("", "plugin", "list", "-o", "json", url)
		wantResult(t, r, 0, body+"\n", "")
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		url, _ := standIn(t, says(200, "[]"))
		r := podcli("", "plugin", "list", url)
		if strings.Count(r.stdout, "\n") != 1 || !strings.HasPrefix(r.stdout, "NAME") || r.code != 0 {
			t.Errorf("stdout is %q with exit status %d, want the names of the columns", r.stdout, r.code)
		}
	})
}

func TestAge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for span, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59*time.Second + 999*time.Millisecond: "59s", time.Minute: "1m",
		time.Hour - 1: "59m", time.Hour: "1h", 48*time.Hour - 1: "47h", 48 * time.Hour: "2d", 1000 * time.Hour: "41d",
	} {
		if got := age(now.Add(-span), now); got != want {
			t.Errorf("the age of %s is %s, want %s", span, got, want)
		}
	}
	if got := age(time.Time{}, now); got != "" {
		t.Errorf("the age of no time is %q, want nothing", got)
	}
}

func TestPluginConverts(t *testing.T) {
	t.Parallel()
	const octets, ofJSON = "application/octet-stream", "application/json"
	file := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(file, []byte("in a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		stdin string
		args  []string
		path  string
		media string
		body  string
	}{
		{"standard input", "in\xff\n", []string{"encode", "cbor"}, "/plugins/cbor/encode", octets, "in\xff\n"},
		{"standard input by name", "in", []string{"encode", "cbor", "--file=-"}, "/plugins/cbor/encode", octets, "in"},
		{"nothing", "", []string{"decode", "cbor"}, "/plugins/cbor/decode", octets, ""},
		{"data", "not read", []string{"decode", "protocol-rpc-a_b-1", "-d", "given"},
			"/plugins/protocol-rpc-a_b-1/decode", octets, "given"},
		{"empty data", "not read", []string{"encode", "cbor", "--data="}, "/plugins/cbor/encode", octets, ""},
		{"a file", "not read", []string{"encode", "cbor", "-f", file}, "/plugins/cbor/encode", octets, "in a file\n"},
		{"JSON", `{"a": 1}`, []string{"encode", "cbor", "--json"}, "/plugins/cbor/encode", ofJSON, `{"a": 1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const result = "\x00\xff result without an end of line"
			url, last := standIn(t, says(200, result))
			r := podcli(c.stdin, append([]string{"plugin"}, append(c.args, url)...)...)
			wantResult(t, r, 0, result, "")
			want := asked{"POST", c.path, "", c.media, userAgent, c.body}
			if got := last(); got != want {
				t.Errorf("podcli asked %+v, want %+v", got, want)
			}
		})
	}
}

func TestPluginOutputFile(t *testing.T) {
	t.Parallel()
	url, _ := standIn(t, says(200, "result\xff"))
	dir := t.TempDir()
	fresh, kept, link := filepath.Join(dir, "fresh"), filepath.Join(dir, "kept"), filepath.Join(dir, "link")
	if err := os.WriteFile(kept, []byte("before, and longer than the result"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("kept", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fresh, link} {
		r := podcli("value", "plugin", "encode", "cbor", url, "-o", path)
		wantResult(t, r, 0, "", "")
		content, err := os.ReadFile(path)
		if err != nil || string(content) != "result\xff" {
			t.Errorf("%s holds %q, %v", path, content, err)
		}
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info, err)
	}
	info, err = os.Stat(kept)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file that was there became %v, %v; want its mode to stay 0640", info, err)
	}
	wantFiles(t, dir, 3)
}

// wantFiles fails the test unless dir holds so many entries, none of them left over.
func wantFiles(t *testing.T, dir string, want int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != want {
		t.Errorf("the directory holds %v, %v; want %d entries", entries, err, want)
	}
}

func TestPluginOutputToADevice(t *testing.T) {
	t.Parallel()
	url, _ := standIn(t, says(200, "result"))
	r := podcli("value", "plugin", "encode", "cbor", url, "--output=/dev/null")
	wantResult(t, r, 0, "", "")
	info, err := os.Stat("/dev/null")
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Fatalf("/dev/null became %v, %v", info, err)
	}
}

func TestPluginOutputStaysWhenItFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusing, _ := standIn(t, says(422, `{"code":422,"message":"cbor: refused: no"}`))
	cut, _ := standIn(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	for url, want := range map[string]string{
		refusing: "Error: cbor: refused: no\n",
		cut:      "Error: reading the answer to POST /plugins/cbor/encode: unexpected EOF\n",
	} {
		wantResult(t, podcli("value", "plugin", "encode", "cbor", url, "-o", path), 1, "", want)
		if content, err := os.ReadFile(path); err != nil || string(content) != "before" {
			t.Errorf("the file holds %q, %v; want what was there before", content, err)
		}
		wantFiles(t, filepath.Dir(path), 1)
	}
	ok, _ := standIn(t, says(200, "result"))
	r := podcli("value", "plugin", "encode", "cbor", ok, "-o", filepath.Join(path, "below a file"))
	wantResult(t, r, 1, "", "Error: --output: ")
	wantResult(t, podcli("value", "plugin", "encode", "cbor", ok, "-o", filepath.Dir(path)), 1, "", "is a directory")
}

func TestPluginManaging(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("\n s3cr3t \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		verb, method, path string
		answer             http.HandlerFunc
		want               string
	}{
		{"reload", "POST", "/plugins/cbor/reload", says(200, `{"name":"protocol-grpc-cbor","state":"ready"}`),
			"protocol-grpc-cbor ready\n"},
		{"kill", "POST", "/plugins/cbor/kill", says(200, `{"name":"protocol-grpc-cbor","state":"stopped"}`),
			"protocol-grpc-cbor stopped\n"},
		{"start", "POST", "/plugins/cbor/start", says(200, `{"name":"protocol-grpc-cbor\u001b","state":"s3cr3t"}`),
			"protocol-grpc-cbor\\x1b ********\n"},
		{"delete", "DELETE", "/plugins/cbor", says(204, ""), "cbor deleted\n"},
	} {
		t.Run(c.verb, func(t *testing.T) {
			t.Parallel()
			url, last := standIn(t, c.answer)
			r := podcli("", "plugin", c.verb, "cbor", url, "--token-file="+token)
			wantResult(t, r, 0, c.want, "")
			want := asked{method: c.method, path: c.path, authorization: "Bearer s3cr3t", agent: userAgent}
			if got := last(); got != want {
				t.Errorf("podcli asked %+v, want %+v", got, want)
			}
		})
		t.Run(c.verb+" without a token", func(t *testing.T) {
			t.Parallel()
			url, last := standIn(t, says(403, `{"code":403,"message":"managing plugins needs the token"}`))
			wantResult(t, podcli("", "plugin", c.verb, "cbor", url), 1, "", "Error: managing plugins needs the token\n")
			if got := last().authorization; got != "" {
				t.Errorf("podcli sent the authorization %q, want none", got)
			}
		})
	}
}

func TestPluginTokenFromTheEnvironment(t *testing.T) {
	t.Parallel()
	url, last := standIn(t, says(200, `{"name":"protocol-grpc-cbor","state":"ready"}`))
	cmd := process(t, "plugin", "reload", "cbor", url)
	cmd.Env = append(cmd.Env, "PODINFO_PLUGIN_ADMIN_TOKEN=s3cr3t")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "protocol-grpc-cbor ready\n" {
		t.Errorf("podcli says %q, %v", out, err)
	}
	if got := last().authorization; got != "Bearer s3cr3t" {
		t.Errorf("podcli sent the authorization %q, want the token of the environment", got)
	}
}

// Whatever a server says, and however a call ends, the token is not shown and goes nowhere else.
func TestPluginTokenStaysSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token, spoilt := filepath.Join(dir, "token"), filepath.Join(dir, "spoilt")
	for path, content := range map[string]string{token: "s3cr3t", spoilt: "s3cr3t and more"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("podcli followed a redirect")
	}))
	t.Cleanup(elsewhere.Close)
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		file   string
		want   string
	}{
		{"repeated", says(403, `{"code":403,"message":"not s3cr3t"}`), token, "Error: not ********\n"},
		{"in another page", says(502, `s3cr3t`), token, "POST /plugins/cbor/reload has the status code 502, not 200"},
		{"as a status", says(200, `"s3cr3t"`), token, "is not what podinfo tells about plugins"},
		{"sent elsewhere", http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect).ServeHTTP, token,
			"POST /plugins/cbor/reload has the status code 307, not 200"},
		{"no token", nil, spoilt, "Error: --token-file: no token that a header can carry"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, _ := standIn(t, c.answer)
			r := podcli("", "plugin", "reload", "cbor", url, "--token-file="+c.file)
			wantResult(t, r, 1, "", c.want)
			if strings.Contains(r.stdout+r.stderr, "s3cr3t") {
				t.Errorf("podcli shows the token: %q %q", r.stdout, r.stderr)
			}
		})
	}
}

func TestPluginErrors(t *testing.T) {
	t.Parallel()
	late := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3")
		says(503, `{"code":503,"message":"plugin protocol-grpc-cbor is starting"}`)(w, nil)
	}
	large := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, maxResult+1)) // Fails when podcli has read enough.
	}
	for _, c := range []struct {
		name   string
		args   []string
		answer http.HandlerFunc
		want   string
	}{
		{"in podinfo's words", []string{"list"}, says(501, `{"code":501,"message":"no plugins here\u001b"}`),
			"Error: no plugins here\\x1b\n"},
		{"another server", []string{"list"}, says(404, "<h1>404</h1>"),
			"Error: GET /plugins has the status code 404, not 200\n"},
		{"an answer that is no list", []string{"list"}, says(200, "<h1>Hi</h1>"),
			"Error: the answer to GET /plugins is not what podinfo tells about plugins: invalid character '<'"},
		{"later", []string{"encode", "cbor"}, late, "Error: plugin protocol-grpc-cbor is starting; try again in 3 s\n"},
		{"too large an answer", []string{"decode", "cbor"}, large, "Error: the answer is larger than 128 MiB\n"},
		{"a conflict", []string{"reload", "cbor"}, says(409, `{"code":409,"message":"a reload is running already"}`),
			"Error: a reload is running already\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, _ := standIn(t, c.answer)
			wantResult(t, podcli("", append(append([]string{"plugin"}, c.args...), url)...), 1, "", c.want)
		})
	}
}

// endless is a value without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestPluginValueIsBounded(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	code := run([]string{"plugin", "encode", "cbor", testkit.ClosedAddress(t)}, endless{}, &stdout, &stderr)
	wantResult(t, result{code, stdout.String(), stderr.String()}, 1, "", "Error: the value is larger than 64 MiB")
	r := podcli("", "plugin", "encode", "cbor", "--file=/dev/zero", testkit.ClosedAddress(t))
	wantResult(t, r, 1, "", "Error: the value is larger than 64 MiB")
}

func TestPluginOverTLS(t *testing.T) {
	t.Parallel()
	cert := testkit.NewCertificate(t)
	podinfo := testkit.StartPodinfo(t, "--cert-path="+filepath.Dir(cert.CertFile))
	for _, flag := range []string{"--ca-file=" + cert.CertFile, "--insecure"} {
		r := podcli("", "plugin", "list", podinfo.SecureURL, flag)
		if strings.Contains(r.stderr, "certificate") || r.stderr == "" {
			t.Errorf("%s: stderr is %q, want podinfo's words", flag, r.stderr)
		}
	}
	r := podcli("", "plugin", "list", podinfo.SecureURL)
	wantResult(t, r, 1, "", "certificate")
}

func FuzzPluginPath(f *testing.F) {
	for _, seed := range []string{"cbor", "protocol-grpc-cbor", "..", "a/b", "", "a%2fb", "A", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		path, err := pluginPath(name, "kill")
		if err != nil {
			return
		}
		base, parseErr := parseURL("http://localhost/prefix", "http")
		if parseErr != nil {
			t.Fatal(parseErr)
		}
		if got, want := base.JoinPath(path).String(), "http://localhost/prefix/plugins/"+name+"/kill"; got != want {
			t.Errorf("the name %q leads to %s, want %s", name, got, want)
		}
	})
}
