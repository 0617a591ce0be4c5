package cache_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/shared/cache"
)

// probeAddress makes the test binary a program that sets and reads one key of the cache at that address, so that a test
// can see what such a process writes to its standard error, and give it another environment.
const probeAddress = "CACHE_TEST_PROBE_ADDRESS"

func TestMain(m *testing.M) {
	if server := os.Getenv(probeAddress); server != "" {
		os.Exit(probe(server))
	}
	goleak.VerifyTestMain(m)
}

func probe(server string) int {
	c, err := cache.Open(server, cache.Options{})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	defer c.Close()
	for range 50 { // often enough for a client that gives up on dialing after some failures
		err = c.Set(context.Background(), "key", []byte("value"), 0)
	}
	if err == nil {
		_, err = c.Get(context.Background(), "key")
	}
	fmt.Fprintln(os.Stdout, "answer:", err)
	return 0
}

// runProbe returns what a process of its own got from the cache at server and what it wrote to its standard error.
func runProbe(t *testing.T, server string, env ...string) (stdout, stderr string) {
	t.Helper()
	var out, diagnostics strings.Builder
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append(env, probeAddress+"="+server)...)
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		t.Fatalf("the probe of %s: %v\n%s%s", server, err, out.String(), diagnostics.String())
	}
	return out.String(), diagnostics.String()
}

// open opens the cache at server and closes it with the test.
func open(t testing.TB, server string) cache.Cache {
	t.Helper()
	c, err := cache.Open(server, cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}
