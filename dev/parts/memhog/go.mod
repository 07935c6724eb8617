module foresize.dev/parts/memhog

go 1.24.0
