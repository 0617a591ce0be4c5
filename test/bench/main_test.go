package main

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSkipAnswer(t *testing.T) {
	t.Parallel()
	const good = "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 3\r\n\r\nabc"
	in := bufio.NewReader(strings.NewReader(good + good))
	for range 2 {
		if err := skipAnswer(in); err != nil {
			t.Error(err)
		}
	}
	for name, bad := range map[string]string{
		"an error":        "HTTP/1.1 503 Service Unavailable\r\n\r\n",
		"a bad length":    "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"half an answer":  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na",
		"half its header": "HTTP/1.1 200 OK\r\n",
		"nothing":         "",
	} {
		if skipAnswer(bufio.NewReader(strings.NewReader(bad))) == nil {
			t.Errorf("%s passes for an answer", name)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-rounds=4": "-rounds 4", "-starts=4": "-starts 4", "-nonsense": "nonsense",
	} {
		var stderr strings.Builder
		if code := run(t.Context(), []string{args}, &stderr); code != 2 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr.String())
		}
	}
}

func TestBuildTags(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "hello")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags=red,green", "-o", binary, "./hello/http")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if tags, err := buildTags(binary); err != nil || tags != "red,green" {
		t.Errorf("the tags are %q, with the error %v", tags, err)
	}
	if _, err := buildTags("main.go"); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("a source file is a binary, with the error %v", err)
	}
}
