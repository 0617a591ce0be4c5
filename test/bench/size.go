package main

import (
	"context"
	"os"
)

// artifact is a binary, and the mebibytes that it must not exceed; 0 is no bound.
type artifact struct {
	name string
	must float64
	size int64
}

func artifacts() []artifact {
	return []artifact{
		{name: "podinfo", must: 22},
		{name: "podinfo-knative", must: 22},
		{name: "bootstrap", must: 14},
		{name: "podinfo-function", must: 18},
		{name: "podcli"},
	}
}

// sizes reads the binaries' sizes, stripped as they are deployed.
func (b *bencher) sizes(_ context.Context, m *measurements) error {
	m.sizes = artifacts()
	for i := range m.sizes {
		info, err := os.Stat(b.ours(m.sizes[i].name))
		if err != nil {
			return err
		}
		m.sizes[i].size = info.Size()
	}
	return nil
}
