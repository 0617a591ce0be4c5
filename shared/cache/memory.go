package cache

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// defaultMemory is the size of a cache in memory whose address names none.
	defaultMemory = 64 << 20
	// entryOverhead is about what an entry takes beside its key and value, so that many tiny ones are bounded as well.
	entryOverhead = 160
)

var errClosed = fmt.Errorf("%w: it is closed", ErrUnavailable)

// memory keeps values in this process. When it is full, the entries used longest ago make room.
type memory struct {
	limit int64

	mu      sync.Mutex
	entries map[string]*entry // nil once closed
	ring    entry             // sentinel: ring.next was used last, ring.prev longest ago
	size    int64
}

// entry is a link of the ring. Its value is never changed, only replaced with the entry.
type entry struct {
	next, prev *entry
	key        string
	value      []byte
	expires    time.Time // zero for never
}

func newMemory(limit int64) *memory {
	m := &memory{limit: limit, entries: make(map[string]*entry)}
	m.ring.next, m.ring.prev = &m.ring, &m.ring
	return m
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	value, err := m.lookup(key)
	return bytes.Clone(value), err
}

// lookup returns the value itself, which is not to be changed.
func (m *memory) lookup(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		return nil, errClosed
	}
	e := m.entries[key]
	if e == nil {
		return nil, ErrNotFound
	}
	if e.expired() {
		m.remove(e)
		return nil, ErrNotFound
	}
	e.unlink()
	m.ring.link(e)
	return e.value, nil
}

func (m *memory) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	e := &entry{key: key}
	if e.bytes()+int64(len(value)) > m.limit {
		return fmt.Errorf("%w: %d bytes do not fit into %d", ErrTooLarge, len(value), m.limit)
	}
	e.value = bytes.Clone(value)
	if ttl > 0 {
		e.expires = time.Now().Add(ttl)
	}
	return m.insert(e)
}

func (m *memory) insert(e *entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		return errClosed
	}
	if old := m.entries[e.key]; old != nil {
		m.remove(old)
	}
	for m.size+e.bytes() > m.limit {
		m.remove(m.ring.prev)
	}
	m.entries[e.key] = e
	m.ring.link(e)
	m.size += e.bytes()
	return nil
}

func (m *memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		return errClosed
	}
	if e := m.entries[key]; e != nil {
		m.remove(e)
	}
	return nil
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries, m.size = nil, 0
	m.ring.next, m.ring.prev = &m.ring, &m.ring
	return nil
}

// remove takes e out; the caller holds the lock.
func (m *memory) remove(e *entry) {
	e.unlink()
	delete(m.entries, e.key)
	m.size -= e.bytes()
}

func (e *entry) bytes() int64 { return int64(len(e.key)) + int64(len(e.value)) + entryOverhead }

func (e *entry) expired() bool { return !e.expires.IsZero() && !time.Now().Before(e.expires) }

// link puts e behind the sentinel s.
func (s *entry) link(e *entry) {
	e.prev, e.next = s, s.next
	e.prev.next, e.next.prev = e, e
}

func (e *entry) unlink() { e.prev.next, e.next.prev = e.next, e.prev }
