package main

import "testing"

func TestParseBenchmark(t *testing.T) {
	t.Parallel()
	const out = `goos: linux
pkg: github.com/podinfo-targets/podinfo/targets/lambda/adapter
BenchmarkInvoke/oursAndMore 	     100	      1 ns/op	       1 B/op	       1 allocs/op
BenchmarkInvoke/ours-2      	    8307	     28122.5 ns/op	    7125 B/op	      80 allocs/op
PASS
`
	nanoseconds, allocs, err := parseBenchmark(out, "BenchmarkInvoke/ours")
	if err != nil || nanoseconds != 28122.5 || allocs != 80 {
		t.Errorf("got %v ns and %v allocations, %v", nanoseconds, allocs, err)
	}
	nanoseconds, allocs, err = parseBenchmark(out, "BenchmarkInvoke/oursAndMore")
	if err != nil || nanoseconds != 1 || allocs != 1 {
		t.Errorf("on one core: got %v ns and %v allocations, %v", nanoseconds, allocs, err)
	}
}

func TestParseBenchmarkRefuses(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]string{
		"nothing":              "PASS\n",
		"another benchmark":    "BenchmarkInvoke/plain-2 10 5 ns/op 6 allocs/op\n",
		"a value that is none": "BenchmarkInvoke/ours-2 10 fast ns/op 6 allocs/op\n",
		"no allocations":       "BenchmarkInvoke/ours-2 10 5 ns/op\n",
		"no values":            "BenchmarkInvoke/ours-2\n",
	} {
		if _, _, err := parseBenchmark(out, "BenchmarkInvoke/ours"); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
