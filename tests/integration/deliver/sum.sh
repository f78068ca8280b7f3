# All products in one file.
cat "$@" >"$FAIRLEAD_OUTPUT_DIR/all.txt"
