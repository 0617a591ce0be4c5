package host

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// index finds plugins by their names. It is read by everybody without a lock, and written by one goroutine alone.
type index struct {
	names atomic.Pointer[names]
}

// names is what an index holds at a moment. It never changes.
type names struct {
	sorted []*plugin
	files  map[string]*plugin
	shorts map[string][]*plugin
}

func (x *index) load() *names {
	if n := x.names.Load(); n != nil {
		return n
	}
	return &names{}
}

// all returns the plugins in the order of their names.
func (x *index) all() []*plugin { return x.load().sorted }

// get returns the plugin of a file, or nil.
func (x *index) get(file string) *plugin { return x.load().files[file] }

// find returns the plugin that goes by a name: that of its file, or what follows the transport in it.
func (x *index) find(name string) (*plugin, error) {
	n := x.load()
	if p := n.files[name]; p != nil {
		return p, nil
	}
	switch found := n.shorts[name]; len(found) {
	case 0:
		return nil, fmt.Errorf("plugin %q: %w", name, contract.ErrNotFound)
	case 1:
		return found[0], nil
	default:
		return nil, fmt.Errorf("plugin %q: %w: it may be %s or %s; use one of these names", name, contract.ErrAmbiguous,
			found[0].name.File, found[1].name.File)
	}
}

func (x *index) add(p *plugin) { x.store(append(slices.Clone(x.all()), p)) }

func (x *index) remove(p *plugin) {
	x.store(slices.DeleteFunc(slices.Clone(x.all()), func(other *plugin) bool { return other == p }))
}

func (x *index) store(plugins []*plugin) {
	slices.SortFunc(plugins, func(a, b *plugin) int { return strings.Compare(a.name.File, b.name.File) })
	n := &names{sorted: plugins, files: map[string]*plugin{}, shorts: map[string][]*plugin{}}
	for _, p := range plugins {
		n.files[p.name.File] = p
		n.shorts[p.name.Short] = append(n.shorts[p.name.Short], p)
	}
	x.names.Store(n)
}
