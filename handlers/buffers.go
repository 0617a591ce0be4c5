package handlers

import (
	"bytes"
	"sync"
)

const (
	// firstGrowth is what a body's announced length may reserve before any of it has arrived.
	firstGrowth = 64 << 10
	// keepBuffer is the largest buffer that goes back to the pool: one big request must not pin its memory.
	keepBuffer = 64 << 10
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func borrowBuffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) }

// returnBuffer gives a buffer back. Its bytes must not be used afterwards.
func returnBuffer(b *bytes.Buffer) {
	if b.Cap() > keepBuffer {
		return
	}
	b.Reset()
	buffers.Put(b)
}
