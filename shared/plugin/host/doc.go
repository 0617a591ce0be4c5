// Package host runs the plugins of a directory and implements contract.Manager.
//
// # The life of a plugin
//
//	           file appears
//	                │
//	                ▼          cannot be used
//	           discovered ───────────────────────► failed ◄──────────────┐
//	                │ copied and checked              │ Start, or        │
//	                ▼                                 │ file changes     │ 5 crashes
//	             staged                               ▼                  │ in 10 minutes
//	                │                            (discovered)            │
//	                ▼          does not come up                          │
//	┌────────► starting ───────────────────────► crashed ────────────────┤
//	│               │ Info and Ping                 ▲                    │
//	│               ▼         process or connection │                    ▼
//	│  ┌───────► ready ─────────────────────────────┘                 backoff
//	│  │            │ reload                                             │
//	│  └────── reloading                                                 │
//	│   swapped, or failed and the old one stays                         │
//	└────────────────────────────────────────────────────────────────────┘
//
// Kill, Delete and the end of the host lead from anywhere over draining to stopped; Start and a change of the file lead
// back. So does the removal of the file, but then the plugin is forgotten, with its metrics.
//
// # Who owns what
//
// One goroutine owns a plugin: it alone decides, and what it decides it publishes as a view that never changes again.
// Whatever takes time (copying, starting, draining, killing, waiting) happens in goroutines that it starts and
// outlives, and which hand back what is to be done with their outcome. A call reads the view, counts itself in with the
// instance that it finds there, and takes no lock.
//
// # Reload
//
// The new process is started and asked before the old one is touched; then the view names the new one, the old one
// finishes the calls that it has, which a call's timeout bounds, and is killed. A reload that fails leaves the old one
// serving, and tells why in Status.Error; if the old one crashed meanwhile, it is started again from its copy. A reload
// by request always replaces the process; one by a change of the file only when the content did change, and any number
// of changes during a reload are one reload after it.
//
// # Crashes
//
// A process that ends, a connection that ends while its process lives, and a process that no longer answers pings are
// all crashes: what is left is killed and a new process is started from the copy that is staged, at once the first
// time and then after a pause that doubles. A process that does not come up is a crash too, but the next pause is
// longer, because what never served is not likely to in ten milliseconds. It is then the file as it is now that is
// started, and if that cannot be, the copy that served. A file that could not be used is looked at again once the copy
// serves. Served well for a minute, a plugin starts from the first pause again; five crashes within ten minutes make it
// failed. What only passes, such as a volume that is full, makes nothing failed: it is tried again for as long as it
// lasts.
//
// A call whose connection ended is made once more, on a fresh instance, and calls that come while the fresh instance is
// on its way wait for it briefly: nobody sees a crash that is mended in milliseconds. What is made once more may have
// been done by the instance that died: Encode and Decode are to have no effects beside their answer.
//
// An answer that is too large is refused by the plugin's own side, and is an error of that call alone. What sends one
// all the same is not made with our package for plugins: over net/rpc its connection ends, which is a crash like
// others.
package host
