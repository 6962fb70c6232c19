// Makes data sets of the size of ImageNet and COCO out of a few pictures, to measure what opening them takes:
//
//   large_set folders OUT PICTURE... [--classes 1000] [--each 1280]   OUT/train/<class>/<name>.jpg, OUT/val likewise
//   large_set coco OUT PICTURE... [--images 118000] [--boxes 860000]  OUT/images/train2017, OUT/annotations/...
//   large_set yolo OUT PICTURE... [--images 118000] [--boxes 860000]  OUT/images/train, OUT/labels/train
//
// Pictures are hard links (a file system allows some 60,000 for a file: then a copy is made), so that a million names
// take little room. What a stat of so many inodes of their own takes, they do not show.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Asked {
  std::string kind;
  fs::path out;
  std::vector<fs::path> pictures;
  std::map<std::string, int64_t> numbers{
      {"--classes", 1000}, {"--each", 1280}, {"--images", 118000}, {"--boxes", 860000}};
};

/// Links of one picture after another, each as often as its file system allows.
class Linker {
 public:
  Linker(const fs::path& out, std::vector<fs::path> pictures)
      : store_(out / ".pictures"), pictures_(std::move(pictures)) {
    fs::create_directories(store_);
    for (size_t i = 0; i < pictures_.size(); ++i) copies_.push_back(copy(i));
  }

  void link(const fs::path& to) {
    const size_t which = next_++ % copies_.size();
    if (::link(copies_[which].c_str(), to.c_str()) == 0) return;
    if (errno == EMLINK) {
      copies_[which] = copy(which);
      if (::link(copies_[which].c_str(), to.c_str()) == 0) return;
    }
    throw fs::filesystem_error("link", to, std::error_code(errno, std::generic_category()));
  }

 private:
  fs::path copy(size_t which) {
    const fs::path to = store_ / fmt::format("{}.jpg", made_++);
    fs::copy_file(pictures_[which], to);
    return to;
  }

  fs::path store_;
  std::vector<fs::path> pictures_, copies_;
  size_t next_ = 0, made_ = 0;
};

void make_folders(Asked& asked, Linker& linker) {
  for (int64_t c = 0; c < asked.numbers["--classes"]; ++c) {
    const std::string name = fmt::format("n{:08}", 1440764 + 7919 * c);
    for (const auto& [split, count] : {std::pair("train", asked.numbers["--each"]), std::pair("val", int64_t{50})}) {
      const fs::path folder = asked.out / split / name;
      fs::create_directories(folder);
      for (int64_t i = 0; i < count; ++i) linker.link(folder / fmt::format("{}_{}.JPEG", name, 10 + 13 * i));
    }
  }
}

void make_coco(Asked& asked, Linker& linker) {
  const int64_t images = asked.numbers["--images"], boxes = asked.numbers["--boxes"];
  fs::create_directories(asked.out / "images/train2017");
  fs::create_directories(asked.out / "annotations");
  std::ofstream json(asked.out / "annotations/instances_train2017.json");
  json << "{\"info\":{\"year\":2017},\"licenses\":[],\"images\":[";
  for (int64_t i = 0; i < images; ++i) {
    const std::string name = fmt::format("{:012}.jpg", 9 + 5 * i);
    linker.link(asked.out / "images/train2017" / name);
    json << fmt::format(
        "{}{{\"license\": 3,\"file_name\": \"{}\",\"coco_url\": \"http://images.cocodataset.org/train2017/{}\","
        "\"date_captured\": \"2013-11-14 11:18:45\",\"id\": {}}}",
        i ? "," : "", name, name, 9 + 5 * i);
  }
  json << "],\"annotations\":[";
  std::mt19937_64 random(0);
  for (int64_t i = 0; i < boxes; ++i) {
    std::string corners;
    for (int corner = 0; corner < 24; ++corner) {
      corners += fmt::format("{}{:.2f}", corner ? "," : "", static_cast<double>(random() % 40000) / 100);
    }
    json << fmt::format(
        "{}{{\"segmentation\": [[{}]],\"area\": {:.4f},\"iscrowd\": 0,\"image_id\": {},\"bbox\": [{:.2f},{:.2f},{:.2f},"
        "{:.2f}],\"category_id\": {},\"id\": {}}}",
        i ? "," : "", corners, static_cast<double>(random() % 9000000) / 1000 + 1,
        9 + 5 * static_cast<int64_t>(random() % static_cast<uint64_t>(images)),
        static_cast<double>(random() % 30000) / 100, static_cast<double>(random() % 20000) / 100,
        static_cast<double>(random() % 10000) / 100 + 1, static_cast<double>(random() % 10000) / 100 + 1,
        random() % 80 + 1, 1768 + i);
  }
  json << "],\"categories\":[";
  for (int c = 1; c <= 80; ++c) {
    json << fmt::format("{}{{\"supercategory\": \"thing\",\"id\": {},\"name\": \"class {}\"}}", c > 1 ? "," : "", c, c);
  }
  json << "]}";
}

void make_yolo(Asked& asked, Linker& linker) {
  const int64_t images = asked.numbers["--images"];
  const fs::path pictures = asked.out / "images/train", labels = asked.out / "labels/train";
  fs::create_directories(pictures);
  fs::create_directories(labels);
  std::mt19937_64 random(0);
  for (int64_t i = 0; i < images; ++i) {
    const std::string stem = fmt::format("{:012}", 9 + 5 * i);
    linker.link(pictures / (stem + ".jpg"));
    std::ofstream label(labels / (stem + ".txt"));
    const int64_t rows = asked.numbers["--boxes"] * (i + 1) / images - asked.numbers["--boxes"] * i / images;
    for (int64_t row = 0; row < rows; ++row) {
      label << fmt::format(
          "{} {:.6f} {:.6f} {:.6f} {:.6f}\n", random() % 80, 0.25 + static_cast<double>(random() % 500) / 1000,
          0.25 + static_cast<double>(random() % 500) / 1000, 0.01 + static_cast<double>(random() % 400) / 1000,
          0.01 + static_cast<double>(random() % 400) / 1000);
    }
  }
  std::ofstream names(asked.out / "classes.txt");
  for (int c = 0; c < 80; ++c) names << "class " << c << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  Asked asked;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (asked.numbers.contains(word) && i + 1 < argc) {
      asked.numbers[word] = std::stoll(argv[++i]);
    } else if (asked.kind.empty()) {
      asked.kind = word;
    } else if (asked.out.empty()) {
      asked.out = word;
    } else {
      asked.pictures.push_back(word);
    }
  }
  if (asked.pictures.empty() || fs::exists(asked.out)) {
    std::cerr << "usage: large_set folders|coco|yolo NEW_FOLDER PICTURE.jpg... [--classes N] [--each N] [--images N] "
                 "[--boxes N]\n";
    return 2;
  }
  Linker linker(asked.out, asked.pictures);
  if (asked.kind == "folders") make_folders(asked, linker);
  if (asked.kind == "coco") make_coco(asked, linker);
  if (asked.kind == "yolo") make_yolo(asked, linker);
  std::cout << "made " << asked.out.string() << "\n";
}
