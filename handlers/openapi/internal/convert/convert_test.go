package convert_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/podinfo-targets/podinfo/handlers/openapi/internal/convert"
)

// TestTheSameComesOutEachTime has the real document, whose maps are walked in another order each time.
func TestTheSameComesOutEachTime(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, err := convert.Documents(source)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		again, err := convert.Documents(source)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range first {
			if !bytes.Equal(again[name], want) {
				t.Fatalf("%s comes out differently", name)
			}
		}
	}
}
