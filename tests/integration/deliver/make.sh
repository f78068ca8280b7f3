# A product and notes of one lead: make.sh TRAIL FAIL LEAD ATTEMPT; leaves temporary files about. Every
# product holds a text by which a scan finds its bytes wherever they are.
echo "$3 $4" >>"$1"
for i in 1 2 3 4; do printf 'PRODUCT-%s %s line %s\n' BYTES "$3" "$i"; done >scratch.tmp
mkdir -p deep/er && cp scratch.tmp deep/er/copy.tmp
cp scratch.tmp "$FAIRLEAD_OUTPUT_DIR/product.$3.txt"
cp scratch.tmp "$FAIRLEAD_OUTPUT_DIR/left-over.tmp"
echo "notes of $3" >"$FAIRLEAD_OUTPUT_DIR/notes.$3.txt"
[ "$2" = "$3" ] && [ "$4" = 1 ] && exit 75
exit 0
