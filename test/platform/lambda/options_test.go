package lambda

import (
	"strings"
	"testing"
)

func TestReservedVariables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ variable, complaint string }{
		{"COLOR=teal", ""},
		{"PODINFO_UI_MESSAGE=a=b", ""},
		{"TZ=Europe/Berlin", ""},
		{"AWS_REGION=eu-west-1", "AWS_REGION"},
		{"AWS_SESSION_TOKEN=mine", "AWS_SESSION_TOKEN"},
		{"COLOR", "NAME=value"},
	} {
		err := reservedVariable([]string{c.variable})
		switch {
		case c.complaint == "" && err != nil:
			t.Errorf("%s: %v", c.variable, err)
		case c.complaint != "" && (err == nil || !strings.Contains(err.Error(), c.complaint)):
			t.Errorf("%s: %v", c.variable, err)
		}
	}
}

func TestDecodedPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/a%2Fb": "/a/b", "/a%3Fb/c": "/a", "/%zz": "/%zz", "/plain": "/plain", "/a+b": "/a+b",
	} {
		if got := decodedPath(path); got != want {
			t.Errorf("%s becomes %s, not %s", path, got, want)
		}
	}
}

func TestTraceHeader(t *testing.T) {
	t.Parallel()
	for incoming, want := range map[string]string{
		"Root=1-5-a;Parent=b;Sampled=0":         "Root=1-5-a;Parent=*;Sampled=0",
		"Self=1-5-c;Root=1-5-a; Sampled=1":      "Root=1-5-a;Parent=*;Sampled=1",
		"Root=1-5-a":                            "Root=1-5-a;Parent=*;Sampled=1",
		"Root=1-5-a;Lineage=a:0;Sampled=1;More": "Root=1-5-a;Parent=*;Sampled=1",
	} {
		got := traceHeader(incoming)
		before, rest, _ := strings.Cut(got, ";Parent=")
		parent, after, _ := strings.Cut(rest, ";")
		if got := before + ";Parent=*;" + after; got != want || len(parent) != 16 {
			t.Errorf("%s becomes %s", incoming, got)
		}
	}
}
