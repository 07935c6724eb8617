// Command memhog is a workload that holds exactly as much memory as it is told. Called `pause` it only waits, so one
// image serves as the pods' sandbox and as the workload.
//
// What it holds is said by one of
//
//	HOLD=64Mi                              this, from the start
//	SCHEDULE="0s=60Mi,30s=200Mi"           steps counted from the start (LOOP=1: again after the last step)
//	DAILY="00:00:00=60Mi,14:05:00=200Mi"   steps of every day, in UTC: a restart finds the step that holds now
//	LEAK=1Mi/10s                           so much more every so often, on top of HOLD
//	POST /set?bytes=200Mi                  from now on, whatever was said before
//
// CACHE=50Mi, or POST /cache?bytes=50Mi, adds page cache: a file of that size in /tmp, written once.
// GET / says what it holds, in bytes. LISTEN is the address, :8080 if unset.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if filepath.Base(os.Args[0]) == "pause" {
		<-stop
		return
	}
	var held memory
	if err := follow(&held, os.Getenv); err != nil {
		fail(err)
	}
	go serve(&held)
	<-stop
}

func serve(held *memory) {
	http.HandleFunc("POST /set", func(w http.ResponseWriter, r *http.Request) { change(w, r, held.override) })
	http.HandleFunc("POST /cache", func(w http.ResponseWriter, r *http.Request) { change(w, r, fillCache) })
	http.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, held.bytes()) })
	address := os.Getenv("LISTEN")
	if address == "" {
		address = ":8080"
	}
	fail(http.ListenAndServe(address, nil))
}

func change(w http.ResponseWriter, r *http.Request, apply func(int64) error) {
	bytes, err := parseBytes(r.FormValue("bytes"))
	if err == nil {
		err = apply(bytes)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, bytes)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "memhog:", err)
	os.Exit(2)
}
