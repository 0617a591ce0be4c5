package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// startWithPlugins starts podinfo with the sample plugins of both transports, and returns it once they serve, with
// their directory and a file that holds the admin token.
func startWithPlugins(t *testing.T) (podinfo *testkit.Process, dir, token string) {
	t.Helper()
	dir, token = t.TempDir(), filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cr3t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"protocol-grpc-cbor", "protocol-rpc-msgpack"} {
		testkit.InstallPlugin(t, "plugins/"+name, dir, name)
	}
	podinfo = testkit.StartPodinfo(t,
		"--plugins-path="+dir, "--plugin-admin-token-file="+token, "--plugins-poll-interval=100ms")
	testkit.Eventually(t, time.Minute, "both plugins to serve", func() bool {
		return strings.Count(podcli("", "plugin", "list", podinfo.URL).stdout, " ready ") == 2
	})
	return podinfo, dir, token
}

// stateOf returns the state of a plugin as podcli shows it, or "" when there is none of that name.
func stateOf(t *testing.T, podinfo *testkit.Process, name string) string {
	t.Helper()
	r := podcli("", "plugin", "list", "-o", "json", podinfo.URL)
	var list []pluginStatus
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil {
		t.Fatalf("%v in %+v", err, r)
	}
	for _, s := range list {
		if s.Name == name {
			return s.State
		}
	}
	return ""
}

func TestPluginsOfPodinfo(t *testing.T) {
	t.Parallel()
	podinfo, dir, token := startWithPlugins(t)
	for _, c := range []struct {
		file, short string
		encoded     string // {"a":"b"}
	}{
		{"protocol-grpc-cbor", "cbor", "\xa1\x61a\x61b"},
		{"protocol-rpc-msgpack", "msgpack", "\x81\xa1a\xa1b"},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			const value = `{"a":"b"}`
			wantResult(t, podcli(value, "plugin", "encode", c.short, podinfo.URL, "--json"), 0, c.encoded, "")
			decoded := podcli(c.encoded, "plugin", "decode", c.file, podinfo.URL)
			decoded.stdout = strings.Join(strings.Fields(decoded.stdout), "") // It may be indented.
			wantResult(t, decoded, 0, value, "")
			refused := podcli("\xff\xff", "plugin", "decode", c.short, podinfo.URL)
			wantResult(t, refused, 1, "", "Error: ")

			manage := func(verb string) result {
				return podcli("", "plugin", verb, c.short, podinfo.URL, "--token-file="+token)
			}
			wantResult(t, podcli("", "plugin", "kill", c.short, podinfo.URL), 1, "", "token")
			wantResult(t, manage("reload"), 0, c.file+" ready\n", "")
			wantResult(t, manage("kill"), 0, c.file+" stopped\n", "")
			wantResult(t, podcli(value, "plugin", "encode", c.short, podinfo.URL, "--json"), 1, "", "stopped")
			wantResult(t, manage("start"), 0, c.file+" ready\n", "")
			wantResult(t, podcli(value, "plugin", "encode", c.short, podinfo.URL, "--json"), 0, c.encoded, "")
			wantResult(t, manage("delete"), 0, c.short+" deleted\n", "")
			if _, err := os.Stat(filepath.Join(dir, c.file)); !os.IsNotExist(err) {
				t.Errorf("the file is still there: %v", err)
			}
			testkit.Eventually(t, time.Minute, "the plugin to leave the list", func() bool {
				return stateOf(t, podinfo, c.file) == ""
			})
			wantResult(t, manage("reload"), 1, "", c.short)
		})
	}
}
