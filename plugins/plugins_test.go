// Package plugins holds the tests of the sample plugins as they are built: one binary under the name of either
// transport, run by the host that podinfo has.
package plugins

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/host"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	patience = time.Minute

	largest = 15 << 20    // bytes of a binary
	memory  = 256_000_000 // what podinfo gives a plugin by default, in bytes
)

type object = map[string]any

// samples are the plugins by the names of their directories, with a value and what it is encoded as.
var samples = map[string]struct {
	contentType string
	value       any
	encoded     string
	refused     any    // cannot be encoded
	why         string // as the client is told
}{
	"protocol-grpc-cbor": {
		"application/cbor",
		object{"a": int64(1), "b": []any{int64(2), int64(3)}}, "a26161016162820203", // RFC 8949 appendix A
		object{"$ref": "a"}, `"$ref" in an object stands for what JSON lacks`,
	},
	"protocol-rpc-msgpack": {
		"application/vnd.msgpack",
		object{"compact": true, "schema": int64(0)}, "82a7636f6d70616374c3a6736368656d6100", // https://msgpack.org
		object{"$ref": "a"}, `"$ref" in an object stands for what JSON lacks`,
	},
	"protocol-grpc-sparkplugb": {
		"application/x-protobuf",
		object{"timestamp": int64(1486144502122), "seq": int64(2), "metrics": []any{object{"name": "My Metric",
			"alias": int64(1), "timestamp": int64(1479123452194), "dataType": "String", "value": "Test"}}},
		"08eaf2f5a8a02b121c0a094d79204d6574726963100118a2828395862b200c7a04546573741802",
		object{"seq": int64(256)}, `$["seq"]: 256 is no sequence number`,
	},
	"protocol-rpc-modbus": {
		"application/octet-stream",
		object{"transport": "rtu", "unit": int64(17), "kind": "request", "function": int64(3), "address": int64(0x6b),
			"quantity": int64(3)}, "1103006b00037687",
		object{"transport": "serial"}, `"serial" is neither "rtu" nor "tcp"`,
	},
}

// directory builds the plugins as the Makefile does, each under the names of both transports.
func directory(t *testing.T) string {
	t.Helper()
	testkit.Need(t, "make")
	dir := t.TempDir()
	recipe, err := exec.CommandContext(t.Context(), "make", "-C", "..", "--no-print-directory", "-n", "plugins").Output()
	if err != nil {
		t.Fatalf("make -n plugins: %v", err)
	}
	build := exec.CommandContext(t.Context(), "sh", "-ec", strings.ReplaceAll(string(recipe), "bin/plugins/", dir+"/"))
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", recipe, err, out)
	}
	for name := range samples {
		if err := os.Link(filepath.Join(dir, name), filepath.Join(dir, other(name))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// other returns the name of the same plugin over the other transport.
func other(name string) string {
	if short, ok := strings.CutPrefix(name, "protocol-grpc-"); ok {
		return "protocol-rpc-" + short
	}
	return strings.Replace(name, "-rpc-", "-grpc-", 1)
}

// TestMakePlugins builds all plugins, looks at the binaries, and then runs each of them over both transports.
func TestMakePlugins(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	binaries, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(binaries) != 2*len(samples) {
		t.Fatalf("make plugins makes %d binaries, and this test knows %d", len(binaries)-len(samples), len(samples))
	}
	for name := range samples {
		t.Run("binary "+name, func(t *testing.T) {
			t.Parallel()
			inspect(t, filepath.Join(dir, name))
		})
	}
	h, err := host.Open(host.Options{Dir: dir, StageDir: t.TempDir(), Poll: 50 * time.Millisecond, CallTimeout: patience,
		Limits: host.Limits{Memory: memory}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	for name := range samples {
		for _, file := range []string{name, other(name)} {
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				use(t, h, name, file)
			})
		}
	}
	t.Run("largest", func(t *testing.T) {
		t.Parallel()
		takesTheLargest(t, h)
	})
}

// inspect looks at what a binary is made of.
func inspect(t *testing.T, file string) {
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > largest {
		t.Errorf("the binary has %d bytes, want at most %d", info.Size(), largest)
	}
	build, err := buildinfo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(build.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "0"}) {
		t.Error("the binary was built with cgo")
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", build.Path).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for imported := range strings.FieldsSeq(string(out)) {
		for _, unwanted := range []string{"handlers", "rpc", "targets", "shared/config", "shared/plugin/host",
			"shared/plugin/internal/launch", "shared/plugin/internal/watch"} {
			if strings.HasPrefix(imported, build.Main.Path+"/"+unwanted) {
				t.Errorf("the plugin links %s, which belongs to its host", imported)
			}
		}
	}
}

// use calls a plugin under one of its names.
func use(t *testing.T, h *host.Host, sample, file string) {
	want := samples[sample]
	info := ready(t, h, file).Info
	if info.Name == "" || info.Version == "" || info.Description == "" || info.ContentType != want.contentType {
		t.Errorf("the plugin says that it is %+v; want all of it, and the content type %s", *info, want.contentType)
	}
	encoded, err := h.Encode(t.Context(), file, want.value)
	if data, ok := encoded.([]byte); err != nil || !ok || hex.EncodeToString(data) != want.encoded {
		t.Errorf("%v is encoded as %x, %v; want %s", want.value, encoded, err, want.encoded)
	}
	decoded, err := h.Decode(t.Context(), file, encoded)
	if err != nil || !reflect.DeepEqual(decoded, want.value) {
		t.Errorf("%x is decoded as %v, %v; want %v", encoded, decoded, err, want.value)
	}
	if _, err := h.Encode(t.Context(), file, want.refused); !errors.Is(err, contract.ErrRefused) ||
		!strings.Contains(err.Error(), want.why) {
		t.Errorf("encoding %v: %v; want it refused with %q", want.refused, err, want.why)
	}
	if _, err := h.Decode(t.Context(), file, []byte{0xc1, 0xff}); !errors.Is(err, contract.ErrRefused) {
		t.Errorf("decoding c1ff: %v, want it refused", err)
	}
}

// ready waits for a plugin.
func ready(t *testing.T, h *host.Host, file string) contract.Status {
	t.Helper()
	var s contract.Status
	testkit.Eventually(t, patience, file+" to be ready", func() bool {
		var err error
		s, err = h.Get(file)
		return err == nil && s.State == contract.Ready
	})
	return s
}

// takesTheLargest sends about the most that a plugin allows, and what would become far more: neither may need more
// memory than a plugin is given.
func takesTheLargest(t *testing.T, h *host.Host) {
	const values = 1 << 18
	counted := fmt.Sprintf("it has more than %d values", values)
	array := append([]byte{0x99, 0xff, 0xff}, bytes.Repeat([]byte{0x80}, 1<<16-1)...) // of CBOR
	tests := []struct {
		plugin        string
		most, tooMany []byte
		why           string
	}{
		{"protocol-grpc-cbor",
			append([]byte{0x99, 0xff, 0xff}, bytes.Repeat([]byte{0x83, 0x80, 0x80, 0x80}, 1<<16-1)...),
			append([]byte{0x98, 240}, bytes.Repeat(array, 240)...), counted},
		{"protocol-rpc-msgpack",
			append([]byte{0xdd, 0, 3, 0xff, 0xff}, bytes.Repeat([]byte{0x90}, values-1)...),
			append([]byte{0xdd, 0, 0xf0, 0, 0}, bytes.Repeat([]byte{0x90}, 15<<20)...), counted},
		{"protocol-grpc-sparkplugb",
			bytes.Repeat([]byte{0x12, 3, 0x92, 1, 0}, 21_000), // metrics, each with a template
			bytes.Repeat([]byte{0x12, 3, 0x92, 1, 0}, 3<<20), "and 16777216 is the most"},
	}
	for _, test := range tests {
		before := ready(t, h, test.plugin)
		_, err := h.Decode(t.Context(), test.plugin, test.most)
		_, tooMany := h.Decode(t.Context(), test.plugin, test.tooMany)
		if err != nil {
			t.Errorf("%s: %d bytes that are about the most that it allows: %v", test.plugin, len(test.most), err)
		}
		if tooMany == nil || !strings.Contains(tooMany.Error(), test.why) {
			t.Errorf("%s: %d bytes of too much: %v, want it refused with %q", test.plugin, len(test.tooMany), tooMany,
				test.why)
		}
		after, err := h.Get(test.plugin)
		if err != nil || after.PID != before.PID {
			t.Errorf("%s: its process %d is gone, and now it is %+v, %v", test.plugin, before.PID, after, err)
		}
	}
}
