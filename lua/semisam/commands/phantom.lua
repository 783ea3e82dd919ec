-- semisam phantom: a data set of synthetic ultrasound volumes.
local fail = require "semisam.fail"
local phantom_set = require "semisam.phantom_set"

local FAMILIES = {
  "target", "any", "ellipsoid", "box", "torus", "capsule", "cone", "cross", "blob",
}

local function whole(doc)
  return { "integer", min = 0, max = 100000, doc = doc }
end

return {
  summary = "make a data set of synthetic ultrasound volumes",
  usage = "phantom out=DIR [cases=N] [size=N] [key=value ...]",
  positional = { "out" },
  options = {
    out = { "output", required = true, doc = "folder to make, in nnU-Net layout" },
    cases = { "integer", default = 86, min = 1, max = 100000, doc = "volumes in all" },
    labelled = whole "of these with a label, for training [2]",
    val = whole "of these with a label, for validation [about a quarter]",
    test = whole "of these in imagesTs and labelsTs [about a quarter]",
    size = {
      "numbers", default = { 48, 48, 48 }, count = 3, min = 8, max = 512, doc = "voxels in z,y,x",
    },
    seed = { "integer", default = 1, doc = "another seed, another set" },
    family = {
      "string", default = "target", choices = FAMILIES, doc = "shape of the labelled object",
    },
    polarity = {
      "string", default = "dark", choices = { "dark", "bright", "mixed" },
      doc = "objects against the background",
    },
    fan = {
      "number", default = 0, min = 0, max = 1, doc = "part of the volumes with a fan-shaped view",
    },
    objects = { "boolean", doc = "also write every object's number" },
  },
  details = "The other volumes have no label. A voxel is 0.5 mm wide; the probe is at y = 0.\n"
    .. "phantoms/CASE.json holds what was drawn. Family 'any' is any but the target.",
  run = function(o)
    for i = 1, 3 do
      o.size[i] = math.tointeger(o.size[i]) or fail.usage("phantom: size should be whole numbers")
    end
    phantom_set.shares(o)
    phantom_set.write(o.out, {
      cases = o.cases, labelled = o.labelled, val = o.val, test = o.test, size = o.size,
      seed = o.seed, family = o.family, objects = o.objects,
      settings = { polarity = o.polarity, fan = o.fan },
    })
    print(("%s: %d volumes (%d labelled, %d val, %d test, %d unlabelled)"):format(o.out, o.cases,
      o.labelled, o.val, o.test, o.cases - o.labelled - o.val - o.test))
  end,
}
