// Package host runs all plugins of a directory and implements contract.Manager.
package host

import (
	"context"
	"fmt"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// Host runs the plugins of one directory. Make one with Open and end it with Close.
type Host struct{}

var _ contract.Manager = (*Host)(nil)

// Open starts to run the plugins of o.Dir and returns at once: they come up in the background. It fails when the
// directory cannot be read or no stage can be made.
func Open(Options) (*Host, error) { return &Host{}, nil }

// Close lets the calls in flight finish until ctx ends, ends all plugins and removes their sockets and copies.
func (h *Host) Close(context.Context) error { return nil }

// List returns all plugins in the order of their names.
func (h *Host) List() []contract.Status { return nil }

// Get returns what there is to tell about a plugin.
func (h *Host) Get(name string) (contract.Status, error) { return contract.Status{}, unknown(name) }

// Encode has the plugin encode value.
func (h *Host) Encode(_ context.Context, name string, _ any) (any, error) { return nil, unknown(name) }

// Decode has the plugin decode value.
func (h *Host) Decode(_ context.Context, name string, _ any) (any, error) { return nil, unknown(name) }

// Reload replaces the plugin's process by one of its file as it is now.
func (h *Host) Reload(_ context.Context, name string) (contract.Status, error) {
	return contract.Status{}, unknown(name)
}

// Kill ends the plugin's process.
func (h *Host) Kill(_ context.Context, name string) (contract.Status, error) {
	return contract.Status{}, unknown(name)
}

// Start starts a plugin that does not run.
func (h *Host) Start(_ context.Context, name string) (contract.Status, error) {
	return contract.Status{}, unknown(name)
}

// Delete kills the plugin and deletes its file.
func (h *Host) Delete(_ context.Context, name string) error { return unknown(name) }

func unknown(name string) error { return fmt.Errorf("plugin %q: %w", name, contract.ErrNotFound) }
