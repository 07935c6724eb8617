package main

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

// chunkBytes is the unit in which memory is taken and given back. Mapped and unmapped directly, because a garbage
// collector returns memory late and a test of limits needs it gone at once.
const chunkBytes = 1 << 20

const cacheFile = "/tmp/memhog.cache"

type memory struct {
	mu         sync.Mutex
	chunks     [][]byte
	overridden bool
}

func (m *memory) bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.chunks)) * chunkBytes
}

// schedule holds what a schedule says, unless somebody has taken over by POST /set.
func (m *memory) schedule(bytes int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.overridden {
		return nil
	}
	return m.resize(bytes)
}

func (m *memory) override(bytes int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.overridden = true
	return m.resize(bytes)
}

// resize takes or gives back chunks; the caller holds the lock.
func (m *memory) resize(bytes int64) error {
	wanted := int((bytes + chunkBytes - 1) / chunkBytes)
	for len(m.chunks) > wanted {
		last := len(m.chunks) - 1
		if err := syscall.Munmap(m.chunks[last]); err != nil {
			return err
		}
		m.chunks = m.chunks[:last]
	}
	for len(m.chunks) < wanted {
		chunk, err := syscall.Mmap(-1, 0, chunkBytes, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
		if err != nil {
			return err
		}
		for offset := 0; offset < chunkBytes; offset += os.Getpagesize() {
			chunk[offset] = 1
		}
		m.chunks = append(m.chunks, chunk)
	}
	fmt.Println("holding", bytes)
	return nil
}

// fillCache replaces the cache file: its pages count as the container's memory until the kernel wants them back.
func fillCache(bytes int64) error {
	if err := os.RemoveAll(cacheFile); err != nil || bytes == 0 {
		return err
	}
	file, err := os.Create(cacheFile)
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, chunkBytes)
	for written := int64(0); written < bytes; written += chunkBytes {
		if _, err := file.Write(block); err != nil {
			return err
		}
	}
	return file.Sync()
}
